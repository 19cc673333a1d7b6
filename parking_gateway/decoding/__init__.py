"""From a frame to a reading: `decoder` chooses a codec and asks it.

`codecs` finds it by its name, `declared` makes one of a script or a TOML file, and `guests` runs those of others in processes of
their own. `questioning` limits the time of guests. `frame_lines` and `inspection` decode for people.
"""
