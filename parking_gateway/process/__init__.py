"""The process itself. In the order to read: `config`, `signals`, `systemd`, `waits`, `wall_clock`."""
