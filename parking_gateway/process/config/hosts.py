"""Names and addresses of machines, by one rule for every section of the configuration."""

import re
from ipaddress import ip_address
from typing import Final

HIGHEST_PORT: Final = 65535
LOCAL: Final = ("localhost", "127.0.0.1", "::1")
"""This machine, as its own programs name it."""
_LONGEST_NAME: Final = 253
_EVERY: Final = "::"
"""All addresses of a machine, of IPv4 too: the gateway's servers do not switch that off."""
_EVERY_OF_IPV4: Final = "0.0.0.0"  # noqa: S104 - it is compared


def is_host(text: str) -> bool:
    """Whether the text can be a host: an address without brackets, or a name that a resolver accepts."""
    try:
        ip_address(text)
    except ValueError:
        pass
    else:
        return True
    try:
        name = text.removesuffix(".").encode("idna").decode()
    except UnicodeError:
        return False
    labels = name.split(".")
    is_name = len(name) <= _LONGEST_NAME and all(re.fullmatch(r"[A-Za-z0-9_-]{1,63}", label) for label in labels)
    # A name whose last label is a number is a mistyped address.
    return is_name and not labels[-1].isdigit()


def collide(one: str, other: str) -> bool:
    """Whether two servers that listen at these hosts need the same address of this machine, so that their ports have to differ.

    Two names are taken for two addresses, because nothing is resolved here. A name can be any address of IPv4.
    """
    hosts = {_same(one), _same(other)}
    if len(hosts) == 1 or _EVERY in hosts:
        return True
    if _EVERY_OF_IPV4 in hosts:
        return not any(":" in host for host in hosts)
    return "localhost" in hosts and hosts <= set(LOCAL)


def _same(host: str) -> str:
    """The one text of a host that can be written in several ways."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.removesuffix(".").lower()
