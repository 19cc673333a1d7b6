"""The only SQL. A module per noun, each with a few statements for whole batches, never one per row.

Read in this order: `database` (what others use), `query` and `hot` with `hot.sql` (statements and their answers), then the nouns
of a batch (`uplinks`, `spaces`, `devices`, `transitions`) and of the outbox (`due`, `confirmations`). Below them, `pool`,
`pipeline` and `round_trip` lead to PostgreSQL, and `verdicts` and `patience` judge its errors.
"""
