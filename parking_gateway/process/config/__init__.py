"""The configuration of an operator. `config.toml` explains every key.

In the order to read: `sections`, `mqtt`, `chirpstack` and `limits` (the keys), `values` (their kinds), `sources` (where they are read from).
"""

from parking_gateway.process.config.alerts import AlertsConfig
from parking_gateway.process.config.chirpstack import ChirpStackConfig
from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import (
    KEYS,
    Config,
    DatabaseConfig,
    DecodersConfig,
    GatewayConfig,
    IntakeConfig,
    Profile,
    PublicationConfig,
    TelemetryConfig,
)
from parking_gateway.process.config.sources import ConfigError, Loaded, load, load_with_origins
from parking_gateway.process.config.values import ListenAddress

__all__ = [
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
    "load_with_origins",
]
