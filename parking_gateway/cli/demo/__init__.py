"""`parking-gateway demo`: a broker, a database, simulated sensors and a gateway on one machine, and an audit of the gateway.

`run` starts and ends everything. `sensors`, `car_park`, `fleet`, `gate`, `lamp` and `up_events` make the uplinks, `publisher`
sends them and `ledger` counts them. `lamp` also takes the downlinks, and `office` makes the requests. `dashboard` and `view`
show what is published. `audit` (with `audited_topics`) compares the ledger, the database (`recorded`) and the retained
messages (`retained`).

Some modules are public, because tests and benchmarks need the same things as the demo: `brokers` (with `amqtt_broker`)
starts a broker, and `retained` reads its retained messages; `audit`, `audited_topics` and `recorded` check a database after a test;
`ledger`, `publisher` and `TimedEvent` of `fleet` are the load of a proof. Everything else is private to the demo
(`tests/cli/demo/test_public_modules.py`). Nothing of the gateway imports this package.
"""
