"""Regions: gateways beside one another on the same broker and the same PostgreSQL, each with all that is its own.

In the order to read: `region` (what a region has), `neighbours` (the other gateways of this machine, and collisions with them),
`passwords` (what broker and PostgreSQL keep of one), `texts` (the files of a region), `bridge` (the files of a bridge), `files` (how
they are written), `preparing` (the whole).
"""
