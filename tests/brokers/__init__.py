"""The suite of brokers: real brokers of others between the load of the proof and real gateways.

`make proof-brokers` runs all engines and prints the table of docs/brokers.md. The tests run Mosquitto only.
"""
