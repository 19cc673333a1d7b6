"""The section [web]: the board in a browser and the HTTP API."""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from parking_gateway.process.config.values import Listen, NonEmpty, Seconds, Section, WholeNumber, from_json

_PASSWORD: Final = re.compile(r"scrypt\$\d{1,7}\$\d{1,3}\$\d{1,3}\$[0-9a-f]{32}\$[0-9a-f]{64}")
_TOKEN: Final = re.compile(r"sha256\$[0-9a-f]{64}")
_LONGEST_NAME: Final = 100


def _password(secret: SecretStr) -> SecretStr:
    if not _PASSWORD.fullmatch(secret.get_secret_value()):
        raise ValueError("must have hashes of passwords, which the command parking-gateway operators hash prints")
    return secret


def _token(secret: SecretStr) -> SecretStr:
    if not _TOKEN.fullmatch(secret.get_secret_value()):
        raise ValueError("must have hashes of tokens, which the command parking-gateway operators token prints")
    return secret


Name = Annotated[NonEmpty, Field(max_length=_LONGEST_NAME)]
Operators = Annotated[
    dict[Name, Annotated[SecretStr, AfterValidator(_password)]], from_json('{"anna": "scrypt$16384$8$5$…"}')
]
Tokens = Annotated[dict[Name, Annotated[SecretStr, AfterValidator(_token)]], from_json('{"website": "sha256$…"}')]
_ORIGIN: Final = re.compile(r"\*|https?://[^/?#\s]+")


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError('must be origins such as "https://parking.example.org", without a path, or "*"')
    return text


def _country(text: str) -> str:
    if text and not re.fullmatch("[A-Z]{2}", text):
        raise ValueError('must be the two capital letters of a country, such as "DE"')
    return text


Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], from_json('["https://parking.example.org"]')]
Language = Annotated[str, StringConstraints(pattern="^[a-z]{2}$")]


class WebConfig(Section):
    """The board and the HTTP API. Without `listen` there is neither."""

    listen: Listen = None
    operators: Operators = Field(default_factory=dict)
    tokens: Tokens = Field(default_factory=dict)
    cors_origins: Origins = ()
    country: Annotated[str, AfterValidator(_country)] = ""
    publisher: NonEmpty = "parking-gateway"
    language: Language = "en"
    session: Seconds = timedelta(hours=12)
    watchers: Annotated[WholeNumber, Field(ge=1, le=10_000)] = 200
