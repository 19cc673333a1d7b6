"""The package beside this file stands for a third-party one. Its tests run after its installation, so pytest must not collect them."""

collect_ignore = ["acme_parking"]
