"""The commands of the documentation, run as a reader would: in a Debian with Mosquitto and PostgreSQL, as root.

`test_commands.py` runs them in a copy of this machine, in seconds. `python -m tests.pages` begins with a clean Debian root, as
docs/install.md does. In both, the copy is thrown away, and no other process can reach its ports.

systemd is not the first process there. `stand_ins/systemctl` starts the `ExecStart` of the unit as its user, with its credentials
and its state directory, and waits for `READY=1`. The sandbox of the unit is tested in `tests/acceptance/test_sandbox.py`.
"""
