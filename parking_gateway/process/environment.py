"""The environment of child processes that are no gateway: without settings, which may hold passwords."""

import os
from typing import Final

_OURS: Final = ("PARKING_GATEWAY_", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_")


def without_settings() -> dict[str, str]:
    """Our environment, without variables that configure a gateway or connect it to systemd."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
