"""The public contract.

`messages` and `gateways` are the retained messages with their topics, and `outgoing` those that are published once. `rendering` makes
them from rows, and `schemas` describes them as JSON Schema.
"""
