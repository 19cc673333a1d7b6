"""The register of the car park: which spaces there are, which device watches which, and the files that say so.

Files become entries, or mistakes with their lines (pure); `registering` makes entries part of the database.
"""
