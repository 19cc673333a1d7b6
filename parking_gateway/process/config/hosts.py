"""Names and addresses of machines, by one rule for every section of the configuration."""

import re
from ipaddress import ip_address
from typing import Final

HIGHEST_PORT: Final = 65535
_LONGEST_NAME: Final = 253


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
