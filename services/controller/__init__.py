"""The controller: makes true what commands intend, one idempotent step at a time, and notices what happened by itself."""
