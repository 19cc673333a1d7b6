"""The composition root: `run` opens everything and closes in reverse; `life` starts the tasks in between."""
