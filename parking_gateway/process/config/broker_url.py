"""`mqtt.url`: the scheme, and the address of the broker or of each node that can take its place: `mqtt://a:1883,b:1883`."""

from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, UrlConstraints
from pydantic_core import MultiHostUrl

from parking_gateway.process.config.hosts import is_host

TLS: Final = ("mqtts", "wss")
_PORTS: Final = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
_SCHEMES: Final = "must begin with mqtt://, mqtts://, ws:// or wss://"


def addresses(url: MultiHostUrl) -> list[tuple[str, int]]:
    """Host, without the brackets of IPv6, and port of each address, in their order."""
    return [((one["host"] or "").strip("[]"), one["port"] or _PORTS[url.scheme]) for one in url.hosts()]


def alone(url: MultiHostUrl) -> list[MultiHostUrl]:
    """A URL for each address, in their order."""
    path = (url.path or "").removeprefix("/") or None
    return [MultiHostUrl.build(scheme=url.scheme, hosts=[one], path=path) for one in url.hosts()]


def _accepted(url: MultiHostUrl) -> MultiHostUrl:
    if url.scheme not in _PORTS:
        raise ValueError(_SCHEMES)
    hosts = [(one["host"] or "").strip("[]") for one in url.hosts()]
    if not all(map(is_host, hosts)) or any(one["port"] == 0 for one in url.hosts()):
        raise ValueError(
            "must name hosts, each with a port from 1 to 65535 or none, such as mqtt://broker:1883 or mqtt://a:1883,b:1883"
        )
    if any(one["username"] or one["password"] for one in url.hosts()):
        raise ValueError("must name the user once, before the first address: mqtt://USER:PASSWORD@a:1883,b:1883")
    if len(set(addresses(url))) < len(hosts):
        raise ValueError("must name each address once")
    if url.query is not None or url.fragment is not None:
        raise ValueError("must end after the hosts, their ports and the path")
    if url.scheme.startswith("mqtt") and url.path not in (None, "/"):
        raise ValueError("must end after the hosts and their ports: only ws:// and wss:// have a path")
    return url


def _with_scheme(value: object) -> object:
    if isinstance(value, str) and "://" not in value:
        raise ValueError(_SCHEMES)
    return value


BrokerUrl = Annotated[
    MultiHostUrl, UrlConstraints(host_required=True), BeforeValidator(_with_scheme), AfterValidator(_accepted)
]
