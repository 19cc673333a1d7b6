"""The section [downlinks]: how often downlinks are sent and tried, and the models of indicators."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from parking_gateway.core.airtime import Airtime
from parking_gateway.core.indicator import MODELS, Model, checked, digest
from parking_gateway.core.line import Retries
from parking_gateway.core.space import SpaceState
from parking_gateway.process.config.values import (
    LONGEST_NAME,
    Seconds,
    Section,
    WholeNumber,
    carriable,
    empty_is_unset,
    from_json,
    not_shorter,
)

HIGHEST_F_PORT = 223
"""The FPorts above it belong to LoRaWAN itself."""
_NAMES = ("{application}", "{device}")


def _command_topic(text: str) -> str:
    if any(text.count(name) != 1 for name in _NAMES) or len(text) > LONGEST_NAME or "+" in text or "#" in text:
        raise ValueError('must have {application} and {device} once each, and no "+" and "#"')
    return carriable(text)


Picture = Annotated[str, AfterValidator(checked)]
OptionalPicture = Annotated[Picture | None, BeforeValidator(empty_is_unset)]
CommandTopic = Annotated[Annotated[str, AfterValidator(_command_topic)] | None, BeforeValidator(empty_is_unset)]


class IndicatorModel(Section):
    """A model of indicators: the picture of each state."""

    f_port: Annotated[WholeNumber, Field(ge=1, le=HIGHEST_F_PORT)]
    confirmed: bool = False
    answer_within: Seconds = timedelta(minutes=1)
    free: Picture
    occupied: Picture
    reserved: OptionalPicture = None
    maintenance: OptionalPicture = None

    def model(self) -> Model:
        """The same as a value of the core."""
        pictures = {
            SpaceState.FREE: self.free,
            SpaceState.OCCUPIED: self.occupied,
            SpaceState.RESERVED: self.reserved,
            SpaceState.MAINTENANCE: self.maintenance,
        }
        return Model(
            f_port=self.f_port,
            is_confirmed=self.confirmed,
            answer_within=self.answer_within,
            pictures={state: text for state, text in pictures.items() if text is not None},
        )


class DownlinksConfig(Section):
    """How often downlinks are sent and tried, and the models of indicators."""

    topic: CommandTopic = None
    format: Literal["json", "protobuf"] = "json"
    device_interval: Seconds = timedelta(seconds=5)
    gateway_interval: Seconds = timedelta(seconds=1)
    attempts: Annotated[WholeNumber, Field(ge=1, le=1000)] = 5
    retry_wait_min: Seconds = timedelta(seconds=5)
    retry_wait_max: Seconds = timedelta(minutes=15)
    command_expiry: Seconds = timedelta(days=1)
    models: Annotated[
        dict[str, IndicatorModel],
        from_json('{"sign": {"f_port": 10, "free": "01 {free:u16}", "occupied": "00"}}'),
    ] = Field(default_factory=dict)

    @property
    def airtime(self) -> Airtime:
        """The shortest times between two downlinks."""
        return Airtime(of_device=self.device_interval, of_gateway=self.gateway_interval)

    @property
    def retries(self) -> Retries:
        """How often a downlink is tried, and when."""
        return Retries(attempts=self.attempts, wait_min=self.retry_wait_min, wait_max=self.retry_wait_max)

    @property
    def all_models(self) -> dict[str, Model]:
        """All models by their names. One of the configuration replaces a built-in one."""
        return {**MODELS, **{name: one.model() for name, one in self.models.items()}}

    @property
    def digests(self) -> dict[str, str]:
        """A digest of each model."""
        return {name: digest(model) for name, model in self.all_models.items()}

    @field_validator("retry_wait_max")
    @classmethod
    def _longest_wait(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        return not_shorter(longest, info.data.get("retry_wait_min"), than="downlinks.retry_wait_min")
