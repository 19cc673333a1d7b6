"""How an uplink was heard: by which gateways, and how well by the best of them."""

from collections.abc import Sequence
from math import inf, isfinite
from typing import Final, Protocol

from msgspec import Struct

_LOWEST_RSSI_DBM: Final = -200
_HIGHEST_RSSI_DBM: Final = 100
"""Far beyond any receiver, and well within what a column for dBm holds. ChirpStack passes on any 32-bit integer."""


class Received(Protocol):
    """One entry of `rxInfo`: how one gateway heard it, as JSON or protobuf has it."""

    @property
    def gateway_id(self) -> str:
        """As ChirpStack writes it."""

    @property
    def rssi(self) -> int:
        """In dBm."""

    @property
    def snr(self) -> float | None:
        """In dB, or nothing that is finite."""


class Reception(Struct, rename="camel", gc=False):
    """The same, read from JSON."""

    gateway_id: str = ""
    rssi: int = 0
    snr: float | None = 0.0


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
            if (found := (-inf if snr is None or not isfinite(snr) else snr, rssi)) > quality:
                best, quality = reception, found
        # A gateway with two antennas may have two entries.
        gateway_count = len(gateways)
    rssi = best.rssi
    return rssi if _LOWEST_RSSI_DBM <= rssi <= _HIGHEST_RSSI_DBM else None, best.snr, gateway_count
