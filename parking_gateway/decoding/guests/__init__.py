"""Processes of guests: one line in, one line out, and an end after a time limit (`process`).

Two programs run in them: `parking_gateway/decoding/declared/sandbox.py` runs a vendor's JavaScript, and `python_codec.py`
runs a codec in Python.
"""
