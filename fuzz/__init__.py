"""`make fuzz`: random bytes for the codecs of every family, for declared codecs and for ChirpStack's events.

`targets` lists what is fuzzed. `codec_frames`, `declared_frames` and `events` contain the laws that must hold, and the seeds.
A codec of a new family is a target by itself, with its vectors as seeds. `run` fuzzes one target under atheris. `__main__` is
the command of `make fuzz`. Inputs that reached new code are kept in `corpus/`, one a line.
"""
