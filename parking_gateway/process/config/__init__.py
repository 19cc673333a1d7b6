"""The configuration of an operator. `config.toml` explains every key.

In the order to read: `sections` (`Config`, and the small sections), a module for each large section (`mqtt`, `chirpstack`, `database` and
others), `values` (the kinds of the keys), `layers` (where they are read from), `sources` (the whole).
"""

from parking_gateway.process.config.alerts import AlertsConfig
from parking_gateway.process.config.chirpstack import ChirpStackConfig
from parking_gateway.process.config.database import DatabaseConfig
from parking_gateway.process.config.decoders import DecodersConfig, Profile
from parking_gateway.process.config.layers import FILE, ConfigError
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import (
    KEYS,
    Config,
    GatewayConfig,
    IntakeConfig,
    PublicationConfig,
    TelemetryConfig,
)
from parking_gateway.process.config.sources import Loaded, load, load_of_another, load_with_origins
from parking_gateway.process.config.values import ListenAddress

__all__ = [
    "FILE",
    "KEYS",
    "AlertsConfig",
    "ChirpStackConfig",
    "Config",
    "ConfigError",
    "DatabaseConfig",
    "DecodersConfig",
    "GatewayConfig",
    "IntakeConfig",
    "ListenAddress",
    "Loaded",
    "MqttConfig",
    "Profile",
    "PublicationConfig",
    "TelemetryConfig",
    "load",
    "load_of_another",
    "load_with_origins",
]
