"""The commands of the documentation, run as a reader would: in a Debian with Mosquitto and PostgreSQL, as root.

`test_commands.py` runs those of the installation and of the tutorial, in a copy of this machine. `make commands` runs all pages there,
and `make install-page` runs docs/install.md in a clean Debian root. The copy is thrown away, and no other process can reach its
ports.

systemd is not the first process there. `stand_ins/systemctl` starts the `ExecStart` of the unit as its user, with its credentials
and its state directory, and waits for `READY=1`. The sandbox of the unit is tested in `tests/acceptance/test_sandbox.py`.
"""
