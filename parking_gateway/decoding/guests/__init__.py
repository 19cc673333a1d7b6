"""Processes in which code of others runs: a line in, a line out, and an end when it takes too long.

Two programs run in them: `parking_gateway/decoding/declared/sandbox.py` with a vendor's JavaScript and `python_codec.py` with a codec in Python.
"""
