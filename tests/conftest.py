"""The fixtures of all tests, one plugin for each resource."""

import os
from pathlib import Path

from hypothesis import settings

pytest_plugins = [
    "tests.plugins.broker",
    "tests.plugins.car_park",
    "tests.plugins.completeness",
    "tests.plugins.daemon",
    "tests.plugins.deaf",
    "tests.plugins.pair",
    "tests.plugins.pgbouncer",
    "tests.plugins.poor_brokers",
    "tests.plugins.postgres",
    "tests.plugins.processes",
    "tests.plugins.prometheus",
    "tests.plugins.proxy",
    "tests.plugins.tls",
    "tests.plugins.encrypted_postgres",
    "tests.plugins.installed",
    "tests.plugins.chirpstack_api",  # after tls, which it uses
    "tests.plugins.recipients",
    "tests.plugins.rig",
    "tests.plugins.collector",  # after recipients, which it uses
]

# A law makes no claim about time, so that a busy machine does not break it. A hung test ends by pytest's timeout.
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")

# A gateway of this machine's user may remember a server. There is no such directory, so no test reads that.
os.environ["XDG_STATE_HOME"] = str(Path(__file__).parent / "no-state")
