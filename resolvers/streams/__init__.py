"""The sources of subscriptions: each checks its scope first, then gives frames, as rows, until it ends or its right is lost.

What a stream is made of is data (`Source`: which log, which match, from where), so that equal streams can share one execution later.
"""
