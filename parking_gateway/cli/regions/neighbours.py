"""The other gateways of this machine by their configurations, and what two gateways must not have in common."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from parking_gateway.cli.regions.region import ALONE, SHARED, Place, Refused, raw_of
from parking_gateway.process.config import Config, ConfigError, broker_url, database_url, load_of_another
from parking_gateway.process.config.hosts import LOCAL
from parking_gateway.process.config.values import could_receive, is_within, overlap

_USUAL_PORT: Final = "5432"


class Neighbour(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway of this machine."""

    file: Path
    config: Config


def neighbours(place: Place) -> list[Neighbour]:
    """The gateways beside this place. Raises Refused if a configuration cannot be read, because it could hide a collision."""
    found = []
    for file in sorted(place.folder.glob("*.toml")):
        if file in (place.file, place.folder / SHARED) or not raw_of(file).keys() <= Config.model_fields.keys():
            continue  # another kind of file
        found.append(Neighbour(file=file, config=loaded(file, place)))
    return found


def loaded(file: Path, place: Place) -> Config:
    """The configuration with which systemd's unit runs this file. Raises Refused."""
    name = file.stem
    secrets = place.folder if file.name == ALONE else place.folder / name
    state = place.states if file.name == ALONE else place.states / name
    gateway: dict[str, Any] = {} if "state_directory" in raw_of(file).get("gateway", {}) else {"state_directory": state}
    unit: dict[str, dict[str, Any]] = {"gateway": gateway}
    if file.name != ALONE:
        unit = {"mqtt": {"client_id": f"parking-gateway-{name}"}, "gateway": gateway | {"instance": name}}
    try:
        return load_of_another(file, secrets=secrets, overrides=unit)
    except ConfigError as error:
        raise Refused(*error.mistakes) from None


def planned(table: Mapping[str, Any], place: Place) -> Config:
    """The configuration of a region that is not written yet. Raises Refused."""
    try:
        return load_of_another(None, secrets=place.secrets, overrides=table)
    except ConfigError as error:
        raise Refused(*(f"{place.file}: {mistake}" for mistake in error.mistakes)) from None


def collisions(place: Place, ours: Config, others: Sequence[Neighbour]) -> Iterator[str]:
    """A sentence for each thing that the region would share with another gateway: what, where, and what to do."""
    for one in others:
        yield from (f"{one.file}: {what}." for what in _with(place.name, ours, one.config))


def _with(name: str, ours: Config, theirs: Config) -> Iterator[str]:
    if brokers(ours) & brokers(theirs):
        yield from _on_the_broker(name, ours, theirs)
    if _databases(ours) & _databases(theirs):
        yield f"database.url leads to the same database as that of {name}: give one of the two a database of its own"
    for key, own, other in (
        ("gateway.state_directory", ours.gateway.state_directory, theirs.gateway.state_directory),
        ("journal.folder", ours.journal_folder, theirs.journal_folder),
        ("gateway.instance", ours.gateway.instance, theirs.gateway.instance),
    ):
        if own == other:
            yield f"{key} is {other}, as that of {name}: change it in one of the two files"
    ports = {one.port for one in (ours.telemetry.listen, ours.web.listen) if one and one.port}
    for key, address in (("telemetry.listen", theirs.telemetry.listen), ("web.listen", theirs.web.listen)):
        if address is not None and address.port in ports:
            yield f"{key} has the port {address.port}, as {name} has: change it in one of the two files"


def _on_the_broker(name: str, ours: Config, theirs: Config) -> Iterator[str]:
    root, other = ours.publication.root, theirs.publication.root
    if is_within(root, other) or is_within(other, root):
        yield f"publication.root is {other}, and {name} has {root}: choose a root that is neither the same nor below the other"
    if overlap(ours.chirpstack.topic, theirs.chirpstack.topic):
        yield (
            f"chirpstack.topic is {theirs.chirpstack.topic}, which receives events of {name} ({ours.chirpstack.topic}) too:"
            " give each of them an application of its own"
        )
    if could_receive(ours.chirpstack.topic, root=other) or could_receive(theirs.chirpstack.topic, root=root):
        yield f"chirpstack.topic of one receives the publications of the other, {root} and {other}: change one of them"
    if ours.mqtt.client_id == theirs.mqtt.client_id:
        yield f"mqtt.client_id is {theirs.mqtt.client_id}, as that of {name}: the broker would end one for the other; change it"
    if ours.mqtt.username is not None and ours.mqtt.username == theirs.mqtt.username:
        yield f"mqtt.username is {theirs.mqtt.username}, as that of {name}: one could then publish as the other; change it"


def brokers(config: Config) -> frozenset[str]:
    """The addresses of its broker or of the nodes of it, as host:port."""
    addresses = broker_url.addresses(config.mqtt.url)
    return frozenset(f"{'localhost' if host in LOCAL else host.lower()}:{port}" for host, port in addresses)


def _databases(config: Config) -> frozenset[tuple[str, str, str]]:
    """The servers of its database, with the name of it. An embedded one is its own."""
    if not config.database.is_set or config.database.is_embedded:
        return frozenset()
    given = database_url.parameters(config.database.url.get_secret_value())
    hosts = (given.get("host") or given.get("hostaddr") or "localhost").split(",")
    ports = given.get("port", _USUAL_PORT).split(",")
    name = given.get("dbname", "")
    every_port = ports * len(hosts) if len(ports) == 1 else ports
    return frozenset(
        ("localhost" if _is_local(host) else host.lower(), port or _USUAL_PORT, name)
        for host, port in zip(hosts, every_port, strict=False)
    )


def _is_local(host: str) -> bool:
    return host in LOCAL or host == "/var/run/postgresql"
