"""The only SQL. A module per noun, each a few set-wise statements: one statement per batch and kind, never one per row."""
