"""The choice of a codec, the check of a device's clock, and the rejection of any failure of a codec."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from decoders import Frame, Occupancy, Reading, Undecodable, conformance
from decoders.conformance import NOON
from decoders.readings import WrongReading
from parking_gateway.core.device import NO_READING, DeviceReading
from parking_gateway.core.events import DevEui, DeviceEvent, DeviceIdentity, EventKind, Reason, Rejection, Uplink
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding import codecs
from parking_gateway.decoding.codecs import BadOption, CodecNotFound
from parking_gateway.decoding.decoder import (
    Answer,
    Choice,
    Decoder,
    NotAsked,
    battery_report,
    decode_frame,
    forget_codecs,
    guest_key,
    observation,
)

UPLINK = Uplink(
    deduplication_id=UUID(int=1),
    device=DeviceIdentity(dev_eui=DevEui("a840410000000001")),
    time=conformance.NOON,
    heard_at=conformance.NOON,
    received_at=conformance.NOON,
    f_cnt=1,
    f_port=1,
    data=b"\x01",
)
HEAD = """
from decoders import Device, Occupancy, Reading, Undecodable
DEVICE = Device(vendor="A", model="B", ports=(), measures_distance=True)
class Silent(Exception):  # noqa: N818 - the word for it
    def __str__(self): raise self
"""


def read(folder: Path, body: str) -> Reading | Rejection:
    (folder / "guest.py").write_text(f"{HEAD}def decode(frame):\n    {body}\n")
    return Decoder(folder=folder).read(UPLINK, Choice(codec="guest")).reading


def test_the_reading_of_a_codec_is_returned(tmp_path: Path) -> None:
    assert read(tmp_path, "return Reading(counter=frame.payload[0])") == Reading(counter=1)


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        ("raise Undecodable('byte 0: no')", Reason.UNDECODABLE, "guest: byte 0: no"),
        ("raise Undecodable('no \\udcff')", Reason.UNDECODABLE, "guest: no \\udcff"),
        ("return 1 / 0", Reason.CODEC_FAILED, "guest: ZeroDivisionError: division by zero"),
        ("return decode(frame)", Reason.CODEC_FAILED, "guest: RecursionError: maximum recursion depth exceeded"),
        ("pass", Reason.CODEC_FAILED, "guest: decode returned NoneType, not Reading"),
        ("return {'occupied': True}", Reason.CODEC_FAILED, "guest: decode returned dict, not Reading"),
        ("return Reading(battery_volts=float('nan'))", Reason.CODEC_FAILED, "guest: battery_volts is nan"),
        (
            "return Reading(occupancy='vacant')",
            Reason.CODEC_FAILED,
            "guest: occupancy has the type str, not Occupancy",
        ),
        ("raise Silent", Reason.CODEC_FAILED, "guest: Silent: its message cannot be read"),
        ("raise ValueError('x' * 9999)", Reason.CODEC_FAILED, f"guest: ValueError: {'x' * 988}"),
    ],
)
def test_any_other_result_is_a_rejection(tmp_path: Path, body: str, reason: Reason, detail: str) -> None:
    assert read(tmp_path, body) == Rejection(reason=reason, detail=detail)


class Silent(Exception):  # noqa: N818 - the word for it
    """An exception whose `__str__` raises."""

    def __str__(self) -> str:
        raise self


@pytest.mark.parametrize(
    ("error", "reason", "detail"),
    [
        (Undecodable("byte 0: no"), Reason.UNDECODABLE, "byte 0: no"),
        (ZeroDivisionError("no \udcff"), Reason.CODEC_FAILED, "ZeroDivisionError: no \\udcff"),
        (WrongReading("no"), Reason.CODEC_FAILED, "no"),
        (Silent(), Reason.CODEC_FAILED, "Silent: its message cannot be read"),
        (ValueError("x" * 9999), Reason.CODEC_FAILED, f"ValueError: {'x' * 738}[… 9011 characters …]{'x' * 250}"),
    ],
)
def test_an_exception_of_a_codec_of_ours_is_a_rejection_too(error: Exception, reason: Reason, detail: str) -> None:
    def decode(_frame: Frame) -> Reading:
        raise error

    assert decode_frame(decode, Frame(port=1, payload=b"", received_at=NOON)) == Rejection(reason=reason, detail=detail)


def test_a_codec_whose_process_ends_while_it_is_loaded_is_a_rejection(tmp_path: Path) -> None:
    (tmp_path / "guest.py").write_text("import os\nos._exit(1)")
    refused = Decoder(folder=tmp_path).read(UPLINK, Choice(codec="guest")).reading
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.CODEC_FAILED
    assert "its process ended" in refused.detail


def test_a_decoder_with_readings_runs_no_guest(tmp_path: Path) -> None:
    """A transaction waits for the decoder, so a guest that was not asked before is not run now."""
    (tmp_path / "guest.py").write_text(f"{HEAD}def decode(frame):\n    return Reading()\n")
    choice, answer = Choice(codec="guest"), Answer(Reading(counter=3))
    decoder = Decoder(folder=tmp_path, guest_readings={guest_key(UPLINK, choice): answer})
    assert decoder.read(UPLINK, choice) is answer
    with pytest.raises(NotAsked):
        decoder.read(UPLINK, Choice(codec="guest", options={"a": "1"}))
    assert isinstance(decoder.read(UPLINK, Choice(codec="bosch_tps110_v029")).reading, Reading)


def test_an_impossible_number_costs_no_occupancy(tmp_path: Path) -> None:
    body = "return Reading(occupancy=Occupancy.OCCUPIED, battery_percent=130, confidence=1.2, counter=2**64)"
    assert read(tmp_path, body) == Reading(occupancy=Occupancy.OCCUPIED)


@pytest.mark.parametrize("distance", [-5, 0, 2**31, 10**12])
def test_an_impossible_distance_gives_no_occupancy(tmp_path: Path, distance: int) -> None:
    """Without this, an error value of a sensor would be an occupancy."""
    (tmp_path / "guest.py").write_text(f"{HEAD}def decode(frame):\n    return Reading(distance_mm={distance})\n")
    choice = Choice(codec="guest", options={"occupied_below_mm": "1500"})
    assert Decoder(folder=tmp_path).read(UPLINK, choice).reading == Reading()


def test_an_unknown_codec_is_a_rejection() -> None:
    refused = Decoder().read(UPLINK, Choice(codec="nwave_nps311")).reading
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.CODEC_NOT_FOUND
    assert "did you mean nwave_nps310?" in refused.detail


@pytest.mark.parametrize("before", [None, "def decode("])
def test_a_codec_that_appears_late_decodes_from_the_next_minute_on(tmp_path: Path, before: str | None) -> None:
    """A folder may be mounted after the start, and a file may be corrected. The gateway need not be restarted."""
    folder, choice = tmp_path / "late", Choice(codec="guest_of_late")
    decoder = Decoder(folder=folder)
    if before is not None:
        folder.mkdir()
        (folder / "guest_of_late.py").write_text(before)
    for _ in range(2):
        assert isinstance(decoder.read(UPLINK, choice).reading, Rejection)
    folder.mkdir(exist_ok=True)
    (folder / "guest_of_late.py").write_text(
        f"{HEAD}def decode(frame):\n    return Reading(counter=frame.payload[0])\n"
    )
    assert isinstance(decoder.read(UPLINK, choice).reading, Rejection)
    later = msgspec.structs.replace(UPLINK, received_at=UPLINK.received_at + timedelta(minutes=1))
    assert decoder.read(later, choice).reading == Reading(counter=1)


def test_the_installation_chooses_before_the_tag_and_the_tag_before_the_profile() -> None:
    decoder = Decoder(profiles={"P": Choice(codec="of_profile", options={"a": "1", "b": "1"})})
    plain = Installation(dev_eui=DevEui("a840410000000001"), space=SpaceId(1))
    own = msgspec.structs.replace(plain, codec="own", options={"b": "2"})
    optioned = msgspec.structs.replace(plain, options={"b": "2"})
    tagged = DeviceIdentity(dev_eui=plain.dev_eui, profile="P", tags={"codec": "of_tag"})
    profiled = DeviceIdentity(dev_eui=plain.dev_eui, profile="P")
    assert decoder.choice(tagged, own) == Choice(codec="own", options={"b": "2"})
    assert decoder.choice(tagged, plain) == Choice(codec="of_tag")
    assert decoder.choice(profiled, plain) == Choice(codec="of_profile", options={"a": "1", "b": "1"})
    assert decoder.choice(profiled, optioned) == Choice(codec="of_profile", options={"a": "1", "b": "2"})
    assert decoder.choice(DeviceIdentity(dev_eui=plain.dev_eui), plain) is None


def test_profiles_that_were_read_again_count_from_then_on() -> None:
    decoder = Decoder(profiles={"old": Choice(codec="elsys_elt_ultrasonic")})
    decoder.adopt({"new": Choice(codec="bosch_tps110_v029")})
    assert decoder.profiles == {"new": Choice(codec="bosch_tps110_v029")}


def test_a_codec_of_another_content_is_used_once_the_old_one_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    decoder = Decoder(folder=tmp_path)
    for name in ("OCCUPIED", "VACANT"):
        file.write_text(f"{HEAD}def decode(frame):\n    return Reading(occupancy=Occupancy.{name})\n")
        forget_codecs()
        reading = decoder.read(UPLINK, Choice(codec="own")).reading
        assert isinstance(reading, Reading)
        assert reading.occupancy is Occupancy[name]


def test_a_choice_that_can_decode_no_frame_is_refused() -> None:
    Decoder().check(Choice(codec="nwave_nps405", options={"layout": "current"}))
    with pytest.raises(CodecNotFound):
        Decoder().check(Choice(codec="no_such_sensor"))
    with pytest.raises(BadOption, match="layout"):
        Decoder().check(Choice(codec="nwave_nps405"))


@pytest.mark.parametrize(
    ("device_time", "seen_at"),
    [
        pytest.param(None, NOON, id="no clock: dated by heard_at"),
        pytest.param(NOON - timedelta(hours=2), NOON - timedelta(hours=2), id="a clock of the device"),
        pytest.param(NOON + timedelta(seconds=1), NOON, id="a time after heard_at"),
        pytest.param(NOON - timedelta(days=2), NOON, id="a clock that was never set"),
    ],
)
def test_a_plausible_clock_of_the_device_dates_the_observation(device_time: datetime | None, seen_at: datetime) -> None:
    seen = observation(UPLINK, Reading(occupancy=Occupancy.OCCUPIED, at=device_time))
    assert (seen.seen_at, seen.heard_at, seen.occupancy) == (seen_at, NOON, Occupancy.OCCUPIED)


@pytest.mark.parametrize(("percent", "published"), [(None, None), (78.5, 78), (-3.0, 0), (254.0, 100)])
def test_a_battery_is_a_whole_percentage(percent: float | None, published: int | None) -> None:
    assert observation(UPLINK, Reading(battery_percent=percent)).battery_percent == published


def test_a_status_contains_the_battery_alone() -> None:
    status = DeviceEvent(
        kind=EventKind.STATUS, device=UPLINK.device, time=NOON, heard_at=NOON, received_at=NOON, battery_percent=41.7
    )
    seen = battery_report(status)
    assert (seen.occupancy, seen.battery_percent, seen.heard_at) == (None, 42, NOON)


def test_an_uplink_without_a_reading_is_a_sign_of_life_and_nothing_else() -> None:
    seen = observation(UPLINK, NO_READING)
    assert (seen.occupancy, seen.battery_percent, seen.heard_at) == (None, None, NOON)


@pytest.mark.parametrize(
    ("codec", "f_port", "read"),
    [
        (None, 1, DeviceReading(UPLINK)),
        ("bosch_tps110_v029", 0, DeviceReading(msgspec.structs.replace(UPLINK, f_port=0), "bosch_tps110_v029")),
    ],
)
def test_without_a_codec_and_on_port_0_nothing_is_read(codec: str | None, f_port: int, read: DeviceReading) -> None:
    uplink = msgspec.structs.replace(UPLINK, f_port=f_port)
    installation = Installation(dev_eui=UPLINK.device.dev_eui, space=SpaceId(1), codec=codec)
    assert Decoder().reading(uplink, installation) == read


def test_one_question_has_one_answer_whether_the_frame_can_be_read_or_not(tmp_path: Path) -> None:
    (tmp_path / "guest.py").write_text(
        "from decoders import Device, Reading, Undecodable\n"
        "DEVICE = Device(vendor='A', model='B', ports=())\n"
        "def decode(frame):\n"
        "    if frame.port == 2:\n"
        "        raise Undecodable('port 2')\n"
        "    return Reading(counter=7)\n"
    )
    decoder = Decoder(folder=tmp_path)
    installation = Installation(dev_eui=UPLINK.device.dev_eui, space=SpaceId(1), codec="guest")
    good, bad = (msgspec.structs.replace(UPLINK, f_port=port) for port in (1, 2))
    read_by = codecs.find("guest", dropins=tmp_path).identity
    assert decoder.reading(good, installation) == DeviceReading(good, "guest", Reading(counter=7), None, read_by)
    refused = Rejection(reason=Reason.UNDECODABLE, detail="guest: port 2")
    assert decoder.reading(bad, installation) == DeviceReading(bad, "guest", NO_READING, refused, read_by)


def test_a_frame_that_no_codec_looked_at_was_read_by_none() -> None:
    installation = Installation(dev_eui=UPLINK.device.dev_eui, space=SpaceId(1), codec="nwave_nps311")
    assert Decoder().reading(UPLINK, installation).read_by is None


def test_an_installation_of_a_channel_sees_its_sensor_alone() -> None:
    reading = Reading(battery_percent=80, channels={2: Reading(occupancy=Occupancy.OCCUPIED)})
    second, third = observation(UPLINK, reading, 2), observation(UPLINK, reading, 3)
    assert (second.occupancy, second.battery_percent, second.channel) == (Occupancy.OCCUPIED, 80, 2)
    assert (third.occupancy, third.battery_percent, third.dev_eui) == (None, 80, UPLINK.device.dev_eui)
