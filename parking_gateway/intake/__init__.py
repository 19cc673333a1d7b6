"""The way in: from a message of the broker to the COMMIT. Read `loop`, `read`, `record` and `decide`, then `net`.

While the database is away: `keeping`, `journal` and `drain`.
"""
