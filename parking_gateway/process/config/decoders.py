"""The section [decoders]: the codecs of device profiles."""

from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from parking_gateway.process.config.machine import Folder
from parking_gateway.process.config.values import NonEmpty, Seconds, Section, from_json


class Profile(Section):
    """The codec of a device profile, and its options."""

    codec: NonEmpty
    options: dict[str, str] = Field(default_factory=dict)


def _profile(value: object) -> object:
    return {"codec": value} if isinstance(value, str) else value


class DecodersConfig(Section):
    """The codecs of device profiles, and the folder of drop-in codecs."""

    profiles: Annotated[
        dict[str, Annotated[Profile, BeforeValidator(_profile)]],
        from_json('{"My profile": "milesight_em310_udl"}'),
    ] = Field(default_factory=dict)
    folder: Folder = None
    timeout: Seconds = timedelta(seconds=0.5)
