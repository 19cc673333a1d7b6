"""The sections of the configuration as frozen models: names, limits and defaults. This module reads no file.

`config.toml` explains every key with its unit; a test compares the two. An empty text means "not set", because TOML has
no null.
"""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from parking_gateway.process.config.alerts import AlertsConfig
from parking_gateway.process.config.chirpstack import ChirpStackConfig
from parking_gateway.process.config.database import DatabaseConfig
from parking_gateway.process.config.decoders import DecodersConfig
from parking_gateway.process.config.devices import DevicesConfig
from parking_gateway.process.config.downlinks import DownlinksConfig
from parking_gateway.process.config.home_assistant import HomeAssistantConfig
from parking_gateway.process.config.hosts import collide
from parking_gateway.process.config.limits import LimitsConfig
from parking_gateway.process.config.machine import (
    Folder,
    Instance,
    StateDirectory,
    default_instance,
    default_state_directory,
)
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.retention import RetentionConfig
from parking_gateway.process.config.tracing import TracingConfig
from parking_gateway.process.config.values import (
    Listen,
    ListenAddress,
    LogLevel,
    Seconds,
    Section,
    TopicRoot,
    WholeNumber,
    command_topic_of,
    could_receive,
    from_json,
    seconds,
)
from parking_gateway.process.config.web import WebConfig


class IntakeConfig(Section):
    """The batches in which messages are recorded."""

    batch_size: Annotated[WholeNumber, Field(ge=1, le=65535)] = 2000
    timeout: Seconds = timedelta(seconds=30)


class JournalConfig(Section):
    """The local file for events that the database does not take."""

    after: Seconds = timedelta(seconds=2)
    max_bytes: Annotated[WholeNumber, Field(ge=0, le=1_000_000_000_000)] = 1_000_000_000
    folder: Folder = None


class PublicationConfig(Section):
    """The publications: their topics, and how often they are sent."""

    root: TopicRoot = "parking/v1"
    window: Annotated[WholeNumber, Field(ge=1, le=65535)] = 1000
    counts_interval: Seconds = timedelta(seconds=1)
    poll_interval: Seconds = timedelta(seconds=5)
    device_interval: Seconds = timedelta(minutes=15)


class RequestsConfig(Section):
    """Requests over MQTT: whether they are answered, and their limits."""

    enabled: bool = True
    max_payload_bytes: Annotated[WholeNumber, Field(ge=100, le=1_000_000)] = 16_384
    per_minute: Annotated[WholeNumber, Field(ge=1, le=100_000)] = 120
    per_minute_of_all: Annotated[WholeNumber, Field(ge=1, le=1_000_000)] = 600
    timeout: Seconds = timedelta(seconds=10)


class ClockConfig(Section):
    """What time alone brings: the limits of a device's silence, and the planned end of maintenance."""

    maintenance_ends: bool = True
    lost_after: Seconds = timedelta(hours=25)
    lost_after_by_profile: Annotated[dict[str, Seconds], from_json('{"My profile": 7200}')] = Field(
        default_factory=dict
    )
    missed_heartbeats: Annotated[WholeNumber, Field(ge=0, le=1000)] = 3


class ReservationsConfig(Section):
    """The rules of reservations, where a zone has none of its own."""

    grace: Annotated[timedelta, seconds(at_least=0)] = timedelta(minutes=15)
    keeps_on_leaving: bool = False
    reserved_soon: Annotated[timedelta, seconds(at_least=0)] = timedelta()


class GatewayConfig(Section):
    """The process itself."""

    instance: Instance = Field(default_factory=default_instance)
    state_directory: StateDirectory = Field(default_factory=default_state_directory)
    stop_timeout: Seconds = timedelta(seconds=5)


class TelemetryConfig(Section):
    """Log, metrics and health of the gateway."""

    listen: Listen = ListenAddress("127.0.0.1", 9464)
    timeout: Seconds = timedelta(seconds=10)
    log_level: LogLevel = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    stalled_after: Seconds = timedelta(seconds=120)
    overdue_after: Seconds = timedelta(seconds=30)
    zones: Annotated[WholeNumber, Field(ge=0, le=10_000)] = 100


class Config(BaseSettings):
    """The whole configuration. `load` reads it from its sources; `Config(…)` takes only its arguments."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, case_sensitive=True, enable_decoding=False
    )

    mqtt: MqttConfig = Field(default_factory=MqttConfig)
    chirpstack: ChirpStackConfig = Field(default_factory=ChirpStackConfig)
    intake: IntakeConfig = Field(default_factory=IntakeConfig)
    journal: JournalConfig = Field(default_factory=JournalConfig)
    limits: LimitsConfig = Field(default_factory=LimitsConfig)
    decoders: DecodersConfig = Field(default_factory=DecodersConfig)
    database: DatabaseConfig = Field(default_factory=DatabaseConfig)
    publication: PublicationConfig = Field(default_factory=PublicationConfig)
    requests: RequestsConfig = Field(default_factory=RequestsConfig)
    home_assistant: HomeAssistantConfig = Field(default_factory=HomeAssistantConfig)
    clock: ClockConfig = Field(default_factory=ClockConfig)
    devices: DevicesConfig = Field(default_factory=DevicesConfig)
    reservations: ReservationsConfig = Field(default_factory=ReservationsConfig)
    retention: RetentionConfig = Field(default_factory=RetentionConfig)
    alerts: AlertsConfig = Field(default_factory=AlertsConfig)
    downlinks: DownlinksConfig = Field(default_factory=DownlinksConfig)
    gateway: GatewayConfig = Field(default_factory=GatewayConfig)
    telemetry: TelemetryConfig = Field(default_factory=TelemetryConfig)
    tracing: TracingConfig = Field(default_factory=TracingConfig)
    web: WebConfig = Field(default_factory=WebConfig)

    @property
    def subscription(self) -> str:
        """The subscription to the events, which is shared where a group is configured."""
        return self._shared(self.chirpstack.topic)

    @property
    def other_subscriptions(self) -> tuple[str, ...]:
        """Subscriptions to what is no event."""
        return (*self.request_subscriptions, *self.home_assistant.subscriptions)

    @property
    def request_subscriptions(self) -> tuple[str, ...]:
        """Subscriptions to requests, each of which one gateway of the group answers."""
        return (self._shared(f"{self.publication.root}/request/#"),) if self.requests.enabled else ()

    def _shared(self, topic_filter: str) -> str:
        group = self.mqtt.shared_group
        return topic_filter if group is None else f"$share/{group}/{topic_filter}"

    @property
    def command_topic(self) -> str | None:
        """The topic of downlinks, with {application} and {device} in it. None: the topic of events does not show it."""
        return self.downlinks.topic or command_topic_of(self.chirpstack.topic)

    @property
    def journal_folder(self) -> Path:
        """Where the file of the journal lies."""
        return self.journal.folder or self.gateway.state_directory

    @field_validator("publication")
    @classmethod
    def _receives_nothing_of_its_own(cls, publication: PublicationConfig, info: ValidationInfo) -> PublicationConfig:
        events = info.data.get("chirpstack")
        if events is not None and could_receive(events.topic, root=publication.root):
            raise ValueError(
                "has a root that chirpstack.topic matches, so the gateway would receive its own publications: change one of them"
            )
        return publication

    @field_validator("telemetry")
    @classmethod
    def _waiting_is_not_stalling(cls, telemetry: TelemetryConfig, info: ValidationInfo) -> TelemetryConfig:
        if not {"mqtt", "intake", "database", "publication"} <= info.data.keys():
            return telemetry
        mqtt, database = info.data["mqtt"], info.data["database"]
        longest = {
            "mqtt.reconnect_wait_max and mqtt.timeout together": mqtt.reconnect_wait_max + mqtt.timeout,
            "database.reconnect_wait_max and intake.timeout together": database.reconnect_wait_max
            + info.data["intake"].timeout,
            "publication.poll_interval": info.data["publication"].poll_interval,
        }
        for names, wait in longest.items():
            if telemetry.stalled_after <= wait:
                raise ValueError(
                    f"has a stalled_after that is not longer than {names}: lengthen it, or a wait would count as stalling"
                )
        return telemetry

    @field_validator("web")
    @classmethod
    def _has_an_address_of_its_own(cls, web: WebConfig, info: ValidationInfo) -> WebConfig:
        own, other = web.listen, getattr(info.data.get("telemetry"), "listen", None)
        if own and other and own.port and own.port == other.port and collide(own.host, other.host):
            raise ValueError(
                "has a listen at the address of telemetry.listen, which is 127.0.0.1:9464 where it is not set, and only one of"
                " the two servers could start: give one of them another port"
            )
        return web

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


KEYS: Final[tuple[tuple[str, str], ...]] = tuple(
    (section, name)
    for section, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
    for name in field.annotation.model_fields
)
"""Section and name of every key."""
