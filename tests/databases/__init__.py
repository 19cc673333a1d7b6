"""Every way in which PostgreSQL is run beyond one server: pairs, poolers, proxies, restored backups. Each is broken under load.

The rig, the load and the ledger are those of `tests/proof`.
"""
