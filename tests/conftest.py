"""What every test can ask for: a fixture plugin per resource."""

pytest_plugins = ["tests.plugins.postgres", "tests.plugins.car_park"]
