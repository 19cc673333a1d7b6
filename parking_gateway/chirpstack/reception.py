"""How an uplink was heard: by which gateways, and how well by the best of them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf
from typing import Annotated, Final, Protocol

from msgspec import Meta, Struct

Moment = Annotated[datetime, Meta(tz=True)]

_LOWEST_RSSI_DBM: Final = -200
_HIGHEST_RSSI_DBM: Final = 100
"""Far beyond any receiver, and well within what a column for dBm holds. ChirpStack passes on any 32-bit integer."""
_LOWEST_SNR_DB: Final = -200
_HIGHEST_SNR_DB: Final = 200
_SMALLEST_SNR_DB: Final = 1.00000005e-37
"""Beside 0, and either sign. PostgreSQL refuses what a 32-bit float cannot hold, also the smallest numbers. It lies between two
32-bit floats, so that JSON's decimal and protobuf's float are on one side of it."""


class Received(Protocol):
    """One entry of `rxInfo`: how one gateway heard it, as JSON or protobuf has it."""

    @property
    def gateway_id(self) -> str:
        """As ChirpStack writes it."""

    @property
    def rssi(self) -> int | None:
        """In dBm, as any integer, or nothing that is one."""

    @property
    def snr(self) -> float | None:
        """In dB, as any number."""


class Reception(Struct, rename="camel", gc=False):
    """The same, read from JSON."""

    gateway_id: str = ""
    rssi: int | None = 0
    snr: float | None = 0.0
    ns_time: Moment | None = None
    """The network server's own clock."""


def in_utc(time: datetime) -> datetime | None:
    """None where there is no such time: at another offset, the first and last hours of a datetime have no equal in UTC."""
    try:
        return time.astimezone(UTC)
    except OverflowError:
        return None


def newest(heard: Sequence[Reception]) -> datetime | None:
    """The network server's clock when the last of them came."""
    return max((one.ns_time for one in heard if one.ns_time is not None), default=None)


def signal(heard: Sequence[Received]) -> tuple[int | None, float | None, int]:
    """RSSI in dBm and SNR in dB at the gateway that heard it best, and how many gateways did.

    Best is the highest SNR, and then the highest RSSI. LoRa is received below the noise floor, so the margin over the noise
    decides whether a frame is heard. RSSI also counts the noise and other people's signals: a gateway beside a noisy motor
    shows a high RSSI and hears badly.
    """
    gateway_count = len(heard)
    if gateway_count == 0:
        return None, None, 0
    best = heard[0]
    if gateway_count > 1:
        # One after the other and each once: of protobuf, every look at an entry makes a new object of it.
        gateways, quality = set(), (-inf, -inf)
        for reception in heard:
            gateways.add(reception.gateway_id)
            snr, rssi = reception.snr, reception.rssi
            # What no receiver says is worse than anything that one does.
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
