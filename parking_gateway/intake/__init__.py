"""The way in: from a message of the broker to the COMMIT. Read `loop`, then `record`, `read` and `decide`.

While the database is away: `keeping`, `journal` and `drain`.
"""
