"""The way out: from a due row to its confirmed publication. Read `loop`, then `pages`, `marker` and `picture`."""
