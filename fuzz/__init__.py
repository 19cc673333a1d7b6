"""`make fuzz`: random bytes for every codec and for the parser of ChirpStack's events.

`targets` contains what is fuzzed and which laws must hold. `run` fuzzes one target under atheris. `__main__` is the command
of `make fuzz`. Inputs that reached new code are kept in `corpus/`, one a line.
"""
