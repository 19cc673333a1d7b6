"""Values and rules of a car park. Pure: no I/O, no clock, no log.

Read `events` (what a network server reports), `clocks` (when it happened), `space` (the state machine), `reservation`,
`installation`, `device`, then `turn`, the one door to every change of a space.
"""
