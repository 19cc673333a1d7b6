"""What an operator may decide, and where it is read from. What every key means stands in `config.toml`."""

from parking_gateway.process.config.mqtt import MqttConfig
from parking_gateway.process.config.sections import (
    KEYS,
    ChirpStackConfig,
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
from parking_gateway.process.config.values import Address

__all__ = [
    "KEYS",
    "Address",
    "ChirpStackConfig",
    "Config",
    "ConfigError",
    "DatabaseConfig",
    "DecodersConfig",
    "GatewayConfig",
    "IntakeConfig",
    "Loaded",
    "MqttConfig",
    "Profile",
    "PublicationConfig",
    "TelemetryConfig",
    "load",
    "load_with_origins",
]
