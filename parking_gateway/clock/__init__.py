"""The causes that time alone brings. Read `rounds`, then one round such as `silence`."""
