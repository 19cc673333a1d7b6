"""The car park in the forms of others: one module for each standard, from rows to what it publishes. Pure.

Read `ngsi_ld`, then `datex2`, `parkapi` and `cds`. Each names the published definition that it follows.
"""
