"""What every test can ask for: a fixture plugin per resource. And what holds for all of them."""

from hypothesis import settings

pytest_plugins = [
    "tests.plugins.broker",
    "tests.plugins.car_park",
    "tests.plugins.completeness",
    "tests.plugins.daemon",
    "tests.plugins.poor_brokers",
    "tests.plugins.postgres",
    "tests.plugins.processes",
    "tests.plugins.proxy",
    "tests.plugins.tls",
]

# A law is no claim about time, and a busy machine does not break it. (A hung test ends by pytest's own timeout.)
settings.register_profile("laws", deadline=None)
settings.load_profile("laws")
