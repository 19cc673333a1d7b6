"""What every test can ask for: a fixture plugin per resource."""

pytest_plugins = [
    "tests.plugins.broker",
    "tests.plugins.car_park",
    "tests.plugins.completeness",
    "tests.plugins.daemon",
    "tests.plugins.poor_brokers",
    "tests.plugins.postgres",
    "tests.plugins.proxy",
    "tests.plugins.tls",
]
