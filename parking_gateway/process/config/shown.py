"""Addresses of a configuration as people may see them: without any password."""

import re
from typing import Final
from urllib.parse import unquote

from parking_gateway.process.config import database_url
from parking_gateway.process.config.sections import Config

HIDDEN: Final = "********"
_USUAL_PORT: Final = "5432"


def without_password(url: str) -> str:
    """The URL with its passwords hidden."""
    url = re.sub(r"^(\w+://[^:/@]*):.*@", rf"\1:{HIDDEN}@", url, flags=re.DOTALL)
    before, mark, parameters = url.partition("?")
    return before + mark + "&".join(map(_without_secret, parameters.split("&")))


def database_name(config: Config) -> str:
    """The database and its server, or the directory of the embedded one."""
    if not config.database.is_set:
        return "none"
    if config.database.is_embedded:
        return f"the embedded one in {config.gateway.state_directory}"
    given = database_url.parameters(config.database.url.get_secret_value())
    name = given.get("dbname") or given.get("service") or "that of the user"
    server = given.get("host") or given.get("hostaddr") or "the local server"
    port = given.get("port", _USUAL_PORT)
    return f"{name} on {server}" if port == _USUAL_PORT else f"{name} on {server}, port {port}"


def _without_secret(parameter: str) -> str:
    """A parameter of a URL. Its name may be encoded, and may hold `password` as in sslpassword."""
    name, mark, value = parameter.partition("=")
    return f"{name}{mark}{HIDDEN if 'password' in unquote(name).lower() else value}"
