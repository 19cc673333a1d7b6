"""`make fuzz`: bytes that nobody would think of, for every codec and for the parser of ChirpStack's events.

`targets` says what is tried and what must hold; `run` tries it for a while under atheris; `__main__` is what a person
starts. What was found to reach code that nothing else reaches is kept in `corpus/`, a line for each.
"""
