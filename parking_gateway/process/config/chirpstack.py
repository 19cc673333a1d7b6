"""The section [chirpstack]: the events of the network server, and its API."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AnyUrl, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from parking_gateway.process.config.hosts import is_host
from parking_gateway.process.config.machine import ReadableFile
from parking_gateway.process.config.values import (
    OptionalSecret,
    Seconds,
    Section,
    TopicFilter,
    WholeNumber,
    empty_is_unset,
)

_SCHEMES = ("http", "https")


def _api_url(url: AnyUrl) -> AnyUrl:
    is_bare = url.path in (None, "/") and url.query is None and url.fragment is None and url.username is None
    if url.scheme not in _SCHEMES or not is_host((url.host or "").strip("[]")) or url.port == 0 or not is_bare:
        raise ValueError("must be http:// or https:// with a host and mostly a port, such as http://chirpstack:8080")
    return url


ApiUrl = Annotated[Annotated[AnyUrl, AfterValidator(_api_url)] | None, BeforeValidator(empty_is_unset)]


class ChirpStackConfig(Section):
    """The events of the network server, and its API."""

    topic: TopicFilter = "application/+/device/+/event/+"
    max_payload_bytes: Annotated[WholeNumber, Field(ge=1024, le=268_435_455)] = 65_536
    max_depth: Annotated[WholeNumber, Field(ge=4, le=500)] = 32
    api_url: ApiUrl = None
    api_key: OptionalSecret = None
    api_ca_file: ReadableFile = None
    api_timeout: Seconds = timedelta(seconds=10)

    @property
    def api_target(self) -> str:
        """Host and port of the API, as gRPC has them."""
        url = self.api_url
        return "" if url is None else f"{url.host}:{url.port}"

    @property
    def is_api_encrypted(self) -> bool:
        """Whether the URL asks for TLS."""
        return self.api_url is not None and self.api_url.scheme == "https"

    @field_validator("api_key")
    @classmethod
    def _url_and_key_come_together(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "api_url" in info.data and (key is None) != (info.data["api_url"] is None):
            raise ValueError("must be set together with chirpstack.api_url: set both, or none")
        return key

    @field_validator("api_ca_file")
    @classmethod
    def _file_needs_tls(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        url = info.data.get("api_url")
        if file is not None and "api_url" in info.data and (url is None or url.scheme != "https"):
            raise ValueError("must not be set while chirpstack.api_url is not https://")
        return file
