"""The register of the car park: its spaces, the device that watches each of them, and the files of both.

Read `files` and `entries` (text becomes entries, or mistakes with their lines; pure), `planning` (which installations change),
then `registering`, which makes entries part of the database, and `replay`, which reads stored uplinks again.
"""
