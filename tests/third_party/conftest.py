"""The package beside this file is somebody else's: it is installed and then tested, and never collected from here."""

collect_ignore = ["acme_parking"]
