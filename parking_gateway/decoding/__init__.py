"""From a frame to a reading. Read in this order: `decoder` chooses a codec and decodes with it, `codecs` finds it by its name.

`guests` runs codecs of others in processes of their own, and `budget` limits their time. `declared` makes a codec of a TOML
file, with or without a vendor's script. `frame_lines` and `inspection` decode for people.
"""
