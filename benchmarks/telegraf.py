"""Telegraf as a contestant, built from its Go module with only the three plugins that `telegraf.conf` uses.

It writes each uplink as a row of a table of its own, with no index, no key and nothing about spaces.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.servers import Unavailable

VERSION: Final = "v1.37.2"
CONFIGURATION: Final = Path(__file__).with_suffix(".conf")
TABLE: Final = """
create table telegraf (
    time timestamptz, "deduplicationId" text, "deviceInfo_devEui" text, "devAddr" text, "fCnt" float8, "fPort" float8,
    data text, dr float8, "rxInfo_0_rssi" float8, "rxInfo_0_snr" float8
)
"""
"""The table as Telegraf would make it with the first uplink. It is made before, so that this is not measured."""
_MODULE: Final = f"github.com/influxdata/telegraf/cmd/telegraf@{VERSION}"
_TAGS: Final = "custom,inputs.mqtt_consumer,parsers.json,outputs.postgresql"
_LAST: Final = 300
"""The characters of an error that are shown."""


def program() -> Path:
    """The program, built now if it is not in the user's cache. That takes minutes. Raises Unavailable."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "parking-gateway" / f"telegraf-{VERSION}"
    found = folder / "telegraf"
    if found.exists():
        return found
    go = shutil.which("go")
    if go is None:
        raise Unavailable("Telegraf is built with Go, and Go is not installed. On Debian: apt install golang")
    # Telegraf is a module of another project: a workspace or a vendored folder of this one would only mislead Go.
    variables = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "", "GOWORK": "off"}
    command = [go, "install", "-trimpath", "-ldflags", "-s -w", "-tags", _TAGS, _MODULE]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603 - found above
    if done.returncode:
        raise Unavailable(f"Telegraf cannot be built: {done.stderr.strip()[-_LAST:]}")
    return found
