"""The checks of `doctor`, each with its remedy.

In the order to read: `surroundings` (broker and database), `servers` (of the database), `promises` (what the gateway relies on), `running` (the gateway
itself), `devices`.
"""
