"""Preparing a region: what it will have, what it would share with others, and the files of it."""

import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from pydantic import SecretStr

from parking_gateway.cli.regions import files, passwords, texts
from parking_gateway.cli.regions.neighbours import Neighbour, collisions, loaded, neighbours, planned
from parking_gateway.cli.regions.region import (
    Place,
    Refused,
    first_database_url,
    raw_of,
    require_name,
    table,
    topic_of,
    without_place,
)
from parking_gateway.process.config import Config, ConfigError, database_url, load_of_another
from parking_gateway.store import own_database
from parking_gateway.store.own_database import OwnDatabase

_HEALTH: Final = 9464
_BOARD: Final = 8090
_HIGHEST: Final = 65_536
_LOCALHOST: Final = "127.0.0.1"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A region that may be prepared."""

    place: Place
    config: Config
    is_new: bool
    """Whether it has no files yet."""
    database: OwnDatabase
    texts: Mapping[Path, tuple[str, int]]
    """Its files, with their modes."""
    left_out: tuple[str, ...]
    """Keys of the shared configuration that it does not take over."""


def plan(place: Place, *, application: str | None, root: str | None) -> Plan:
    """What a region will have. Raises Refused with every reason against it."""
    require_name(place.name)
    others = neighbours(place)
    shared = _shared(place)
    existing = loaded(place.file, place) if place.file.exists() else None
    broker_password = (
        _kept(place, "mqtt__password", None if existing is None else existing.mqtt.password) or passwords.new()
    )
    url = _kept(place, "database__url", None if existing is None else existing.database.url)
    url = url or first_database_url(place, shared, passwords.new())
    content: dict[str, dict[str, Any]] = {}
    is_new = not (place.secrets / "database__url").exists()
    if existing is not None:
        config = existing
        _require_same(place, config, application, root)
    else:
        content = _content(place, shared, others, application=application, root=root)
        config = planned(_with_secrets(content, broker_password, url), place)
    if against := [*collisions(place, config, others)]:
        raise Refused(*against)
    database = own_database_of(url)
    line = passwords.for_mosquitto(config.mqtt.username or "", broker_password)
    private = {
        "mqtt__password": broker_password,
        "database__url": url,
        "broker.passwords": line,
        "broker.acl": texts.rights(place, config),
        "credentials.conf": texts.credentials(place),
        "make-database.sql": own_database.script(database),
    }
    return Plan(
        place=place,
        config=config,
        is_new=is_new,
        database=database,
        left_out=tuple(without_place(shared, raw_of(place.shared))) if existing is None else (),
        texts={
            **{place.secrets / name: (f"{text.rstrip()}\n", files.PRIVATE) for name, text in private.items()},
            # The last one, because a region with this file is prepared.
            place.file: (texts.configuration(place.name, content), files.PUBLIC),
        },
    )


def write(plan: Plan) -> Iterator[tuple[Path, bool]]:
    """Write the files that are missing. Yields each with whether it was written. Raises Refused."""
    files.folder(plan.place.secrets)
    for path, (text, mode) in plan.texts.items():
        yield path, files.write(path, text, mode)


def own_database_of(url: str) -> OwnDatabase:
    """The database of a region, by its URL."""
    given = database_url.parameters(url)
    password = given.get("password")
    return OwnDatabase(
        name=given.get("dbname", ""),
        role=given.get("user", ""),
        verifier=None if password is None else passwords.for_postgresql(password),
    )


def _kept(place: Place, name: str, configured: SecretStr | None) -> str | None:
    """A secret that the region has already: in its own file, or in its configuration."""
    return files.text_of(place.secrets / name) or (configured.get_secret_value() if configured else None)


def _shared(place: Place) -> Config:
    file = place.shared if place.shared.exists() else None
    try:
        return load_of_another(file, secrets=place.folder, overrides={})
    except ConfigError as error:
        raise Refused(*error.mistakes) from None


def _content(
    place: Place, shared: Config, others: Sequence[Neighbour], *, application: str | None, root: str | None
) -> dict[str, dict[str, Any]]:
    if application is None:
        raise Refused(f"{place.name} is new: name its application of ChirpStack with --application.")
    listens = [address for one in others for address in (one.config.telemetry.listen, one.config.web.listen)]
    taken = {address.port for address in listens if address is not None}
    return table(
        place,
        shared,
        topic=topic_of(application),
        root=root or f"parking/{place.name}/v1",
        ports=(_free_port(_HEALTH, taken), _free_port(_BOARD, taken)),
    )


def _with_secrets(content: Mapping[str, dict[str, Any]], password: str, url: str) -> dict[str, dict[str, Any]]:
    return {
        **content,
        "mqtt": content["mqtt"] | {"password": password},
        "database": content["database"] | {"url": url},
    }


def _free_port(first: int, taken: Collection[int]) -> int:
    """The first port from this one on that no gateway of this machine has, and that nobody listens on now."""
    return next(port for port in range(first, _HIGHEST) if port not in taken and _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((_LOCALHOST, port))
        except OSError:
            return False
    return True


def _require_same(place: Place, config: Config, application: str | None, root: str | None) -> None:
    """Raise Refused if an option differs from what the region has."""
    asked = {
        "chirpstack.topic": (config.chirpstack.topic, None if application is None else topic_of(application)),
        "publication.root": (config.publication.root, root),
    }
    if wrong := [
        f"{place.file}: {key} is {found}, and not {wanted}: leave the option out, or change the file."
        for key, (found, wanted) in asked.items()
        if wanted not in (None, found)
    ]:
        raise Refused(*wrong)
