"""What a region has of its own, and what it takes over from the configuration of the machine."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
from pydantic import SecretStr

from parking_gateway.process.config import KEYS, Config
from parking_gateway.process.config.layers import ConfigError, table_of

FOLDER: Final = Path("/etc/parking-gateway")
STATES: Final = Path("/var/lib/parking-gateway")
ALONE: Final = "config.toml"
"""The configuration of the gateway that is no region."""
SHARED: Final = "regions.toml"
"""What new regions take over. Without this file, they take it over from the gateway that is no region."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_APPLICATION: Final = re.compile(r"[A-Za-z0-9._-]+")
_OWN: Final = {
    "mqtt": {"username", "password", "client_id", "shared_group", "cert_file", "key_file", "key_password"},
    "chirpstack": {"topic", "api_url", "api_key", "api_ca_file"},
    "journal": {"folder"},
    "database": {"url", "application_name"},
    "publication": {"root"},
    "retention": {"archive"},
    "alerts": {key for section, key in KEYS if section == "alerts"},
    "downlinks": {"topic"},
    "gateway": {"instance", "state_directory"},
    "telemetry": {"listen"},
    "web": {"listen"},
}
"""Keys that a region does not take over. Secrets are left out in any case."""


class Refused(Exception):  # noqa: N818 - it is a finding
    """The region cannot be prepared: a sentence for each reason, with what to do."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files of a region lie."""

    name: str
    folder: Path
    """Of all configurations."""
    states: Path
    """Of all state directories."""

    @property
    def file(self) -> Path:
        """Its configuration."""
        return self.folder / f"{self.name}.toml"

    @property
    def secrets(self) -> Path:
        """The folder of its secrets, and of the files for other programs. Only its owner may read it."""
        return self.folder / self.name

    @property
    def shared(self) -> Path:
        """The configuration from which a new region takes over what is not its own. It may be missing."""
        return next((file for name in (SHARED, ALONE) if (file := self.folder / name).exists()), self.folder / SHARED)

    @property
    def unit(self) -> str:
        """Its service."""
        return f"parking-gateway@{self.name}"


def require_name(name: str) -> None:
    """Raise Refused unless a region can have this name."""
    if not _NAME.fullmatch(name) or f"{name}.toml" in (ALONE, SHARED):
        raise Refused(
            f"{name!r} cannot be a region: write 1 to 40 lower-case letters, digits, - and _, begin with a letter or a digit,"
            " and write neither config nor regions."
        )


def topic_of(application: str) -> str:
    """The events of one application of ChirpStack. Raises Refused."""
    if not _APPLICATION.fullmatch(application):
        raise Refused(f"{application!r} cannot be an application: write its ID, as ChirpStack shows it.")
    return f"application/{application}/device/+/event/+"


def table(place: Place, shared: Config, *, topic: str, root: str, ports: tuple[int, int]) -> dict[str, dict[str, Any]]:
    """The content of the configuration of a new region. The ports are those of the health pages and of the board."""
    health, board = ports
    own: dict[str, dict[str, Any]] = {
        "mqtt": {"username": place.unit.replace("@", "-"), "client_id": place.unit.replace("@", "-")},
        "chirpstack": {"topic": topic},
        "database": {"application_name": place.unit.replace("@", "-")},
        "publication": {"root": root},
        # The topic of events names one application, so the gateway does not find this one by it.
        "downlinks": {"topic": "application/{application}/device/{device}/command/down"},
        "gateway": {"instance": place.name, "state_directory": str(place.states / place.name)},
        "telemetry": {"listen": f"127.0.0.1:{health}"},
    }
    if shared.web.listen is not None:
        own["web"] = {"listen": f"127.0.0.1:{board}"}
    common = _common(place.shared, shared)
    return {name: common.get(name, {}) | own.get(name, {}) for name in dict.fromkeys((*own, *common))}


def first_database_url(place: Place, shared: Config, password: str) -> str:
    """The URL of the database of a new region, on the server of the shared configuration, else on this machine."""
    url = shared.database.url.get_secret_value()
    if shared.database.is_embedded:
        raise Refused(
            f'{place.shared}: database.url is "embedded", a server of one gateway: set the URL of a PostgreSQL'
            " that all regions can reach."
        )
    scheme, _, rest = (url or "postgresql://localhost/").partition("://")
    servers = rest.partition("?")[0].rpartition("@")[2].partition("/")[0]
    parameters = [one for one in rest.partition("?")[2].split("&") if one and not _names_a_user(one)]
    role = f"parking_{place.name.replace('-', '_')}"
    return f"{scheme}://{role}:{quote(password)}@{servers}/{role}" + ("?" + "&".join(parameters) if parameters else "")


def without_place(shared: Config, raw: Mapping[str, Any]) -> Iterator[str]:
    """The keys of the shared configuration that a region has to have of its own and that nobody can derive."""
    for section, key in KEYS:
        is_left_out = key in _OWN.get(section, set()) or _is_secret(getattr(getattr(shared, section), key))
        if is_left_out and (section, key) not in _DERIVED and key in raw.get(section, {}):
            yield f"{section}.{key}"


_DERIVED: Final = {
    ("mqtt", "username"),
    ("mqtt", "password"),
    ("mqtt", "client_id"),
    ("chirpstack", "topic"),
    ("database", "url"),
    ("database", "application_name"),
    ("publication", "root"),
    ("gateway", "instance"),
    ("gateway", "state_directory"),
    ("telemetry", "listen"),
    ("web", "listen"),
}
"""Those of the own keys to which a region gives a value."""


def _common(file: Path, shared: Config) -> dict[str, dict[str, Any]]:
    """What the shared configuration sets and a region takes over."""
    found: dict[str, dict[str, Any]] = {}
    for section, keys in raw_of(file).items():
        for key, value in keys.items():
            if key in _OWN.get(section, set()) or _is_secret(getattr(getattr(shared, section), key)):
                continue
            # The URL of the configuration has no user and no password any more.
            found.setdefault(section, {})[key] = str(shared.mqtt.url) if (section, key) == ("mqtt", "url") else value
    return found


def raw_of(file: Path) -> dict[str, dict[str, Any]]:
    """What is written in a file. Without the file, nothing. Raises Refused."""
    try:
        return table_of(file) if file.exists() else {}
    except ConfigError as error:
        raise Refused(*error.mistakes) from None


def _is_secret(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_is_secret(one) for one in value.values())
    return isinstance(value, SecretStr)


def _names_a_user(parameter: str) -> bool:
    return parameter.partition("=")[0] in ("user", "password", "dbname", "passfile")
