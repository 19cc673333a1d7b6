"""From a frame to a reading. Read `decoder` first, which chooses a codec, then `codecs`, which finds it by its name.

`guests` runs codecs of others in processes of their own, and `budget` limits their time. `declared` makes a codec of a TOML
file, with or without a vendor's script. `frame_lines` and `inspection` decode for people.
"""
