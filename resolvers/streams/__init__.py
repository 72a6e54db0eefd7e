"""The generators of the frames of subscriptions. They yield rows until the stream ends or the viewer loses the right to it.

What a stream consists of is data (`Source`: scope, kinds of events, filter, cursor), so that equal streams can share an execution later.
"""
