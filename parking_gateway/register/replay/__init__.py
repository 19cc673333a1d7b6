"""Stored uplinks, read again: for a new installation, or because a codec was mended.

Read `reading` (what the uplinks of a device mean now; pure), `turns` (the turns of their spaces), then `stored`, which replays a
range of the history, a page at a time. `archived` reads the history of months that retention has dropped.
"""
