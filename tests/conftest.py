"""The fixtures of all tests, one plugin for each resource."""

import atexit
import os
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.plugins.broker",
    "tests.plugins.car_park",
    "tests.plugins.completeness",
    "tests.plugins.daemon",
    "tests.plugins.deaf",
    "tests.plugins.longest_first",
    "tests.plugins.pgbouncer",
    "tests.plugins.poor_brokers",
    "tests.plugins.postgres",
    "tests.plugins.pair",  # after postgres, which it uses
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

_STATES = TemporaryDirectory(prefix="parking-gateway-states-")
atexit.register(_STATES.cleanup)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Give the test a state directory of its own: a gateway of another test, or of this user, may remember another server."""
    os.environ["XDG_STATE_HOME"] = f"{_STATES.name}/{uuid4()}"
