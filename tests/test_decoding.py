"""Codecs are guests: whatever one of them does, it becomes one rejection."""

from pathlib import Path
from uuid import UUID

import pytest

from decoders import Reading, conformance
from parking_gateway.decoding import Choice, Decoder
from parking_gateway.uplink import DevEui, DeviceIdentity, Reason, Rejection, Uplink

UPLINK = Uplink(
    deduplication_id=UUID(int=1),
    device=DeviceIdentity(dev_eui=DevEui("a840410000000001")),
    time=conformance.NOON,
    received_at=conformance.NOON,
    f_cnt=1,
    f_port=1,
    data=b"\x01",
)
HEAD = 'from decoders import Device, Reading, Undecodable\nDEVICE = Device(vendor="A", model="B", ports=())\n'


def read(folder: Path, body: str) -> Reading | Rejection:
    (folder / "guest.py").write_text(f"{HEAD}def decode(frame):\n    {body}\n")
    return Decoder(folder=folder).read(UPLINK, Choice(codec="guest"))


def test_what_it_reads_is_handed_on(tmp_path: Path) -> None:
    assert read(tmp_path, "return Reading(counter=frame.payload[0])") == Reading(counter=1)


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        ("raise Undecodable('byte 0: no')", Reason.UNDECODABLE, "guest: byte 0: no"),
        ("raise Undecodable('no \\udcff')", Reason.UNDECODABLE, "guest: no ?"),
        ("return 1 / 0", Reason.CODEC_FAILED, "guest: ZeroDivisionError: division by zero"),
        ("return decode(frame)", Reason.CODEC_FAILED, "guest: RecursionError: maximum recursion depth exceeded"),
        ("pass", Reason.CODEC_FAILED, "guest: it answers NoneType, not a Reading"),
        ("return {'occupied': True}", Reason.CODEC_FAILED, "guest: it answers dict, not a Reading"),
    ],
)
def test_everything_else_is_a_rejection(tmp_path: Path, body: str, reason: Reason, detail: str) -> None:
    assert read(tmp_path, body) == Rejection(reason=reason, detail=detail)


def test_a_codec_that_nobody_knows_is_a_rejection() -> None:
    refused = Decoder().read(UPLINK, Choice(codec="nwave_nps311"))
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.CODEC_NOT_FOUND
    assert "did you mean nwave_nps310?" in refused.detail
