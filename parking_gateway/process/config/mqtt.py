"""The section [mqtt]: the broker, and the connection to it."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_core import MultiHostUrl

from parking_gateway.process.config import broker_url
from parking_gateway.process.config.broker_url import BrokerUrl
from parking_gateway.process.config.machine import ReadableFile
from parking_gateway.process.config.values import (
    NonEmpty,
    OptionalGroup,
    OptionalSecret,
    OptionalText,
    Seconds,
    Section,
    WholeNumber,
    not_shorter,
    seconds,
)


class MqttConfig(Section):
    """The broker, and the connection to it."""

    url: BrokerUrl = MultiHostUrl("mqtt://localhost:1883")
    username: OptionalText = None
    password: OptionalSecret = None
    client_id: NonEmpty = "parking-gateway"
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(str)] = "auto"
    keepalive: Annotated[timedelta, seconds(at_least=1, at_most=64_800)] = timedelta(seconds=60)
    timeout: Seconds = timedelta(seconds=10)
    session_expiry: Annotated[timedelta, seconds(at_least=1)] = timedelta(days=7)
    receive_maximum: Annotated[WholeNumber, Field(ge=1, le=65535)] = 2000
    direct: bool = True
    shared_group: OptionalGroup = None
    ca_file: ReadableFile = None
    cert_file: ReadableFile = None
    key_file: ReadableFile = None
    key_password: OptionalSecret = None
    reconnect_wait_min: Seconds = timedelta(seconds=0.5)
    reconnect_wait_max: Seconds = timedelta(seconds=5)

    @property
    def host(self) -> str:
        """Host name or address of the first address, without the brackets of IPv6."""
        return broker_url.addresses(self.url)[0][0]

    @property
    def port(self) -> int:
        """The port of the first address, else the default port of the scheme."""
        return broker_url.addresses(self.url)[0][1]

    @property
    def address(self) -> str:
        """The first address, for people."""
        return f"{self.host}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """The hosts of all addresses, in their order."""
        return [host for host, _ in broker_url.addresses(self.url)]

    def each(self) -> list[Self]:
        """The same configuration for each address alone, in their order. A connection is made to one of them."""
        return [self.model_copy(update={"url": url}) for url in broker_url.alone(self.url)]

    @property
    def is_encrypted(self) -> bool:
        """Whether the URL asks for TLS."""
        return self.url.scheme in broker_url.TLS

    @property
    def websocket_path(self) -> str | None:
        """The path of ws:// and wss://, `/mqtt` where the URL has none; None for mqtt:// and mqtts://."""
        if not self.url.scheme.startswith("ws"):
            return None
        return self.url.path if self.url.path not in (None, "/") else "/mqtt"

    @model_validator(mode="before")
    @classmethod
    def _take_credentials_out_of_url(cls, data: Any) -> Any:
        # The URL is logged and shown, so it must hold no password. The keys `username` and `password` win over the URL.
        if not isinstance(data, dict):
            return data
        scheme, _, rest = str(data.get("url")).partition("://")
        # Only ws:// and wss:// have a path, which may contain an @. Elsewhere a / before the @ is part of the password.
        place, slash, path = rest.partition("/") if scheme.lower().startswith("ws") else (rest, "", "")
        credentials, at, hosts = place.rpartition("@")
        if not at or "," in credentials.partition("@")[2]:
            return data  # no user, or one before each address, which `broker_url` refuses
        username, _, password = credentials.partition(":")
        named = {"username": unquote(username), "password": unquote(password)}
        given = {key: value for key, value in data.items() if value not in ("", None)}
        return data | named | given | {"url": f"{scheme}://{hosts}{slash}{path}"}

    @field_validator("ca_file", "cert_file", "key_file")
    @classmethod
    def _files_need_tls(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        url = info.data.get("url")
        if file is not None and url is not None and url.scheme not in broker_url.TLS:
            raise ValueError("must not be set while mqtt.url is not encrypted: use mqtts:// or wss://, or remove it")
        return file

    @field_validator("key_file")
    @classmethod
    def _key_and_certificate_come_together(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "cert_file" in info.data and (key is None) != (info.data["cert_file"] is None):
            raise ValueError("must be set together with mqtt.cert_file: set both, or none")
        return key

    @field_validator("key_password")
    @classmethod
    def _password_needs_a_key(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if password is not None and info.data.get("key_file", True) is None:
            raise ValueError("must not be set while mqtt.key_file is not: set the file, or remove the password")
        return password

    @field_validator("reconnect_wait_max")
    @classmethod
    def _longest_wait(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        return not_shorter(longest, info.data.get("reconnect_wait_min"), than="mqtt.reconnect_wait_min")
