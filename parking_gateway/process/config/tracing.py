"""The section [tracing]: traces of uplinks for an OpenTelemetry collector."""

from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, AnyUrl, Field, SecretStr, TypeAdapter, ValidationError

from parking_gateway.process.config.hosts import is_host
from parking_gateway.process.config.machine import ReadableFile
from parking_gateway.process.config.values import NonEmpty, OptionalText, Seconds, Section, WholeNumber, from_json

_URL: Final = TypeAdapter(AnyUrl)
_PATH: Final = "/v1/traces"
"""Of a collector, by the protocol."""


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    refusal = "must be a URL that begins with http:// or https://, such as http://localhost:4318"
    try:
        url = _URL.validate_python(text)
    except ValidationError:
        raise ValueError(refusal) from None
    if url.scheme not in {"http", "https"} or not is_host((url.host or "").strip("[]")) or url.fragment is not None:
        raise ValueError(refusal)
    if url.username or url.password:
        raise ValueError("must have no password: use tracing.headers, which are kept secret")
    return text if (url.path or "/") != "/" else text.rstrip("/") + _PATH


def _headers(headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
    texts = [*headers, *(value.get_secret_value() for value in headers.values())]
    if not all(text.isascii() and text.isprintable() for text in texts):
        raise ValueError("must be names and values of printable ASCII characters")
    return headers


Endpoint = Annotated[OptionalText, AfterValidator(_endpoint)]
Headers = Annotated[
    dict[NonEmpty, SecretStr],
    from_json('{"authorization": "Bearer …"}'),
    AfterValidator(_headers),
    Field(max_length=20),
]


class TracingConfig(Section):
    """Traces of uplinks. Without `endpoint` there are none."""

    endpoint: Endpoint = None
    headers: Headers = Field(default_factory=dict)
    ca_file: ReadableFile = None
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    queue: Annotated[WholeNumber, Field(ge=512, le=1_000_000)] = 4096
    interval: Seconds = timedelta(seconds=5)
    timeout: Seconds = timedelta(seconds=10)
