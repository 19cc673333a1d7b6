"""The whole thing on one machine: a broker, a database, a fleet of sensors, the gateway, and an audit of what it did.

Nothing of the gateway imports this. The audit and the brokers also serve the tests.
"""
