"""A gateway from LoRaWAN parking sensors to a truthful picture of every space."""

__version__ = "0.1.0"
