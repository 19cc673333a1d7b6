"""The composition root.

`run` opens everything and closes in reverse; `life` starts the tasks in between; `clockwork` and `way_out` put the rounds of the
clock and the outbox together.
"""
