"""The composition root: `run` opens everything, starts the tasks and closes in reverse."""
