"""The receptions of an uplink by LoRaWAN gateways, and the best of them."""

from collections.abc import Sequence
from datetime import datetime
from math import inf
from typing import Annotated, Final, Protocol

from msgspec import Meta, Struct

AwareTime = Annotated[datetime, Meta(tz=True)]

_LOWEST_RSSI_DBM: Final = -200
_HIGHEST_RSSI_DBM: Final = 100
"""Far beyond any receiver, and within the database column for dBm. ChirpStack passes on any 32-bit integer."""
_LOWEST_SNR_DB: Final = -200
_HIGHEST_SNR_DB: Final = 200
_SMALLEST_SNR_DB: Final = 1.00000005e-37
"""The smallest SNR beside 0, of either sign. PostgreSQL refuses smaller ones, because a 32-bit float cannot hold them. The limit
lies between two 32-bit floats, so that JSON's decimal and protobuf's float are on the same side of it."""


class Received(Protocol):
    """One entry of `rxInfo`: the reception by one LoRaWAN gateway, in JSON or protobuf."""

    @property
    def gateway_id(self) -> str:
        """The text of ChirpStack."""

    @property
    def rssi(self) -> int | None:
        """In dBm, any integer, or None."""

    @property
    def snr(self) -> float | None:
        """In dB, any number, or None."""


class Reception(Struct, rename="camel", gc=False):
    """A reception, read from JSON."""

    gateway_id: str = ""
    rssi: int | None = 0
    snr: float | None = 0.0
    ns_time: AwareTime | None = None
    """The network server's own clock."""


def newest_server_time(receptions: Sequence[Reception]) -> datetime | None:
    """Return the network server's time of the last reception."""
    return max((one.ns_time for one in receptions if one.ns_time is not None), default=None)


def signal(receptions: Sequence[Received]) -> tuple[int | None, float | None, int]:
    """Return RSSI in dBm and SNR in dB of the best reception, and the number of LoRaWAN gateways.

    The best reception has the highest SNR, and then the highest RSSI. LoRa is received below the noise floor, so the margin
    over the noise decides whether a frame is received. RSSI includes noise and other signals: a gateway beside a noisy
    motor has a high RSSI and a bad reception.
    """
    gateway_count = len(receptions)
    if gateway_count == 0:
        return None, None, 0
    best = receptions[0]
    if gateway_count > 1:
        # Each entry is read once, because protobuf makes a new object at each access.
        gateways, quality = set(), (-inf, -inf)
        for reception in receptions:
            gateways.add(reception.gateway_id)
            snr, rssi = reception.snr, reception.rssi
            # A missing or impossible value is worse than any other.
            found = (
                snr if snr is not None and _LOWEST_SNR_DB <= snr <= _HIGHEST_SNR_DB else -inf,
                rssi if rssi is not None and _LOWEST_RSSI_DBM <= rssi <= _HIGHEST_RSSI_DBM else -inf,
            )
            if found > quality:
                best, quality = reception, found
        # A gateway with two antennas may have two entries.
        gateway_count = len(gateways)
    rssi, snr = best.rssi, best.snr
    if rssi is not None and not _LOWEST_RSSI_DBM <= rssi <= _HIGHEST_RSSI_DBM:
        rssi = None
    if snr and not (_LOWEST_SNR_DB <= snr <= _HIGHEST_SNR_DB and not -_SMALLEST_SNR_DB < snr < _SMALLEST_SNR_DB):
        snr = None
    return rssi, snr, gateway_count
