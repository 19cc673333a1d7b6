"""The process: its `config`uration, its `signals`, what it reports to `systemd`, and its `waits`."""
