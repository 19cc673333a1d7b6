"""The files of a bridge, which brings the retained pictures of regions together on one Mosquitto.

The bridge runs in the central broker and subscribes on the brokers of the regions, so one file has all of it. It goes one way. Its
sessions are kept: the broker of a region keeps each change for it while the central broker is away, also that a topic was cleared.
When it is back, it receives these changes, and then all retained messages.

The protocol is MQTT 3.1.1 with Mosquitto's mark of a bridge, by which a message stays a retained one. Mosquitto 2.0.11 cannot connect
a bridge with MQTT 5: "disconnected due to protocol error".
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from parking_gateway.cli.regions import files, passwords
from parking_gateway.cli.regions.neighbours import Neighbour, brokers
from parking_gateway.cli.regions.region import Refused
from parking_gateway.cli.regions.texts import RETAINED
from parking_gateway.process.config import Config, broker_url
from parking_gateway.process.config.hosts import LOCAL

USER: Final = "parking-bridge"
STATUS_ROOT: Final = "parking/bridges"
"""Of the retained topics on the central broker that show which bridge is connected: 1 or 0."""
_PASSWORD: Final = "bridge.password"  # noqa: S105 - the name of a file
_HEAD: Final = """\
# Written by `parking-gateway regions bridge`, for the central broker. It holds a password.
"""
_CONNECTION: Final = """
connection parking-{name}
addresses {addresses}
remote_clientid {user}-{name}
remote_username {user}
remote_password {password}
bridge_protocol_version mqttv311
# The broker of the region has to be a Mosquitto too. Others drop the mark of a retained message.
try_private true
# The broker of the region keeps what changes while this one is away.
cleansession false
keepalive_interval 10
restart_timeout 1 30
# 1 or 0, retained on this broker: whether the bridge is connected.
notification_topic {status}
notifications_local_only true
{encryption}{topics}
"""


def write(folder: Path, regions: Sequence[Neighbour], central: Config) -> Iterator[tuple[Path, str]]:
    """Write the files into a folder. Yields each with its purpose. Raises Refused.

    A second run writes them again for the present regions, and keeps the password.
    """
    files.folder(folder)
    files.write(folder / _PASSWORD, passwords.new(), files.PRIVATE)
    password = files.text_of(folder / _PASSWORD) or ""
    by_broker = by_address(regions, central)
    if not by_broker:
        raise Refused("No region has another broker than the central one, so there is nothing to bring together.")
    line = f"{passwords.for_mosquitto(USER, password)}\n"
    written = {
        "bridge.conf": (bridge(by_broker, central, password), "the central broker: its folder of configurations"),
        "bridge.passwords": (line, "the broker of each region: a line of its passwords"),
        "bridge.acl": (rights(by_broker), "the broker of each region: its rights"),
    }
    for name, (text, purpose) in written.items():
        files.replace(folder / name, text, files.PRIVATE)
        yield folder / name, purpose


def by_address(regions: Sequence[Neighbour], central: Config) -> dict[frozenset[str], list[Neighbour]]:
    """The regions by their broker, without those of the central one."""
    found: dict[frozenset[str], list[Neighbour]] = {}
    for region in regions:
        if not brokers(region.config) & brokers(central):
            found.setdefault(brokers(region.config), []).append(region)
    return found


def bridge(by_broker: Mapping[frozenset[str], Sequence[Neighbour]], central: Config, password: str) -> str:
    """The configuration of the central broker: a connection for each broker of regions. Raises Refused."""
    return _HEAD + "".join(_connection(regions, central, password) for regions in by_broker.values())


def rights(by_broker: Mapping[frozenset[str], Sequence[Neighbour]]) -> str:
    """The rights of the bridge: it reads the pictures and does nothing else."""
    roots = [one.config.publication.root for regions in by_broker.values() for one in regions]
    return "\n".join([f"user {USER}", *(f"topic read {root}/{level}" for root in roots for level in RETAINED), ""])


def _connection(regions: Sequence[Neighbour], central: Config, password: str) -> str:
    first, config = regions[0], regions[0].config
    if config.mqtt.websocket_path is not None:
        raise Refused(
            f"{first.file}: mqtt.url is a WebSocket, which Mosquitto has no bridge for: name mqtt:// or mqtts://."
        )
    local = [host for host in config.mqtt.hosts if host in LOCAL]
    if local and not set(LOCAL) & set(central.mqtt.hosts):
        raise Refused(
            f"{first.file}: mqtt.url names this machine as {local[0]}, and {central.mqtt.host} cannot reach it by this"
            " name: write the name that it has in the network."
        )
    roots = [one.config.publication.root for one in regions]
    return _CONNECTION.format(
        name=first.file.stem,
        addresses=" ".join(f"{host}:{port}" for host, port in broker_url.addresses(config.mqtt.url)),
        user=USER,
        password=password,
        status=f"{STATUS_ROOT}/{first.file.stem}",
        encryption=_encryption(config),
        topics="\n".join(f"topic {root}/{level} in 1" for root in roots for level in RETAINED),
    )


def _encryption(config: Config) -> str:
    if not config.mqtt.is_encrypted:
        return ""
    file = config.mqtt.ca_file
    return "bridge_capath /etc/ssl/certs\n" if file is None else f"bridge_cafile {file}\n"
