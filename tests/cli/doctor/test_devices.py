"""The faults of each device, and the command that corrects each."""

import shlex
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from decoders.conformance import NOON
from parking_gateway.cli.doctor.devices import Finding, Problem, examine
from parking_gateway.core.counting import CountDirection
from parking_gateway.core.events import DevEui, DeviceIdentity
from parking_gateway.core.installation import Installation
from parking_gateway.core.problems import Problem as Stored
from parking_gateway.core.space import Contact, SpaceId
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.process.config import Config
from parking_gateway.store.diagnosis import RefusedFrames
from parking_gateway.store.fleet import KnownDevice
from parking_gateway.store.lost import Loss

DEVICE = DevEui("a84041000181c061")
ASSIGN = f"parking-gateway devices assign {DEVICE} central/level-1/A-012"


def known(codec: str | None = "bosch_tps110", *, silence: timedelta | None = timedelta(0), **more: Any) -> KnownDevice:
    """A device that is installed in A-012 and was last heard so long ago."""
    chosen = {name: more.pop(name) for name in ("options", "lost_after", "channel") if name in more}
    contact = more.pop("contact", Contact.LIVE)
    installation = Installation(dev_eui=DEVICE, space=SpaceId(1), codec=codec, **chosen)
    return KnownDevice(
        identity=DeviceIdentity(dev_eui=DEVICE, name="bay 12", **more),
        contact=contact,
        heard_at=None if silence is None else NOON - silence,
        battery_percent=None,
        installation=installation,
        site="central",
        zone="level-1",
        space="A-012",
    )


UNASSIGNED = KnownDevice(
    identity=DeviceIdentity(dev_eui=DEVICE),
    contact=Contact.LIVE,
    heard_at=NOON - timedelta(days=30),
    battery_percent=None,
    installation=None,
    site=None,
    zone=None,
    space=None,
)


def findings(
    device: KnownDevice,
    *,
    decoder: Decoder | None = None,
    refused: RefusedFrames | None = None,
    loss: Loss | None = None,
) -> list[Finding]:
    by_device = {DEVICE: refused} if refused else {}
    found = examine(
        [device],
        by_device,
        {DEVICE: loss} if loss else {},
        decoder=decoder or Decoder(),
        config=Config(),
        now=NOON,
    )
    return list(found)


def the_one(device: KnownDevice, **more: Any) -> Finding:
    (found,) = findings(device, **more)
    return found


def test_a_device_that_sends_and_can_be_read_is_not_mentioned() -> None:
    assert findings(known()) == []


def test_an_unassigned_device_needs_a_space_before_anything_else() -> None:
    """Its silence and its missing codec are not shown before it has a space."""
    found = the_one(UNASSIGNED)
    assert (found.problem, found.space) == (Problem.UNASSIGNED, None)
    assert found.fix == f"parking-gateway devices assign {DEVICE} SITE/ZONE/SPACE"


def test_an_indicator_needs_no_space() -> None:
    """It shows places, so a command that assigned it to a space would replace the sensor there."""
    lamp = msgspec.structs.replace(UNASSIGNED, is_indicator=True)
    assert findings(lamp) == []
    assert the_one(msgspec.structs.replace(lamp, problems=[Stored.BATTERY_LOW])).problem is Problem.BATTERY


def test_a_finding_names_its_device() -> None:
    found = the_one(known(None))
    assert (found.dev_eui, found.name, found.space) == (DEVICE, "bay 12", "central/level-1/A-012")


@pytest.mark.parametrize(
    ("device", "problem", "more"),
    [
        (known(None), Problem.NO_CODEC, "--codec NAME"),
        (known(None, options={"port": "2"}), Problem.NO_CODEC, "--codec NAME --option port=2"),
        (
            known(None, options={"port": "2"}, lost_after=7200),
            Problem.NO_CODEC,
            "--codec NAME --option port=2 --lost-after 7200",
        ),
        (known("nwave_nps311"), Problem.UNREADABLE, "--codec NAME"),
        (known(None, tags={"codec": "nwave_nps311"}), Problem.UNREADABLE, "--codec NAME"),
        (known("nwave_nps405"), Problem.UNREADABLE, "--codec nwave_nps405 --option layout=VALUE"),
        (known(None, tags={"codec": "nwave_nps405"}), Problem.UNREADABLE, "--option layout=VALUE"),
        (
            known("bosch_tps110", options={"firmware": "v1"}),
            Problem.UNREADABLE,
            "--codec bosch_tps110 --option firmware=v1",
        ),
        (
            known("milesight_em310_udl", options={"port": "2"}),
            Problem.NO_OCCUPANCY,
            "--codec milesight_em310_udl --option port=2 --option occupied_below_mm=MILLIMETRES",
        ),
    ],
)
def test_what_stands_between_frames_and_an_occupancy(device: KnownDevice, problem: Problem, more: str) -> None:
    """The command repeats the present codec and options, because an assignment replaces them."""
    found = the_one(device)
    assert (found.problem, found.fix) == (problem, f"{ASSIGN} {more}")


DDS04 = {"occupied_below_mm": "1500"}
ON_TWO = "--channel 2 --codec dragino_dds04_lb --option occupied_below_mm=1500"


@pytest.mark.parametrize(
    ("device", "more"),
    [
        (known("nwave_nps311", channel=2), "--channel 2 --codec NAME"),
        (
            known("dragino_dds04_lb", channel=2),
            "--channel 2 --codec dragino_dds04_lb --option occupied_below_mm=MILLIMETRES",
        ),
        (known("dragino_dds04_lb", options=DDS04), ON_TWO.replace("channel 2", "channel CHANNEL")),
    ],
)
def test_a_sensor_of_a_device_with_several_keeps_its_channel(device: KnownDevice, more: str) -> None:
    """Without it, the installation would be replaced by one of channel 0, which gives no occupancy."""
    assert the_one(device).fix == f"{ASSIGN} {more}"


def test_another_device_gets_the_channel_of_the_silent_one() -> None:
    found = the_one(known("dragino_dds04_lb", options=DDS04, channel=2, silence=None))
    assert found.fix.endswith("devices assign DEV_EUI central/level-1/A-012 --channel 2")


def test_a_counter_is_mended_as_a_counter() -> None:
    """It counts a zone and has no space. It needs neither a channel nor an occupancy."""
    at_zone = {"space": None, "direction": CountDirection.IN}
    add = "parking-gateway zones counter add"
    assert findings(msgspec.structs.replace(known("milesight_vs133"), **at_zone)) == []
    found = the_one(msgspec.structs.replace(known(None, channel=3), **at_zone))
    assert (found.problem, found.space) == (Problem.NO_CODEC, "central/level-1")
    assert found.fix == f"{add} {DEVICE} central/level-1 --direction in --channel 3 --codec NAME"
    found = the_one(msgspec.structs.replace(known("milesight_vs133", silence=None), **at_zone))
    assert found.fix.endswith(
        f"{add} DEV_EUI central/level-1 --direction in and parking-gateway zones counter remove {DEVICE}"
    )


def test_what_a_profile_chooses_is_not_repeated_on_the_installation() -> None:
    decoder = Decoder(profiles={"Bays": Choice(codec="nwave_nps405", options={"layout": "legacy"})})
    assert findings(known(None, profile="Bays"), decoder=decoder) == []
    without = Decoder(profiles={"Bays": Choice(codec="dragino_ldds75")})
    assert (
        the_one(known(None, profile="Bays"), decoder=without).fix == f"{ASSIGN} --option occupied_below_mm=MILLIMETRES"
    )


@pytest.mark.parametrize(
    ("codec", "options", "silence", "is_silent"),
    [
        ("dragino_ldds75", {"occupied_below_mm": "1500"}, timedelta(minutes=59), False),
        ("dragino_ldds75", {"occupied_below_mm": "1500"}, timedelta(minutes=61), True),
        ("bosch_tps110", {}, timedelta(days=2.9), False),
        ("bosch_tps110", {}, timedelta(days=3.1), True),
        ("pni_placepod", {}, timedelta(hours=24.9), False),
        ("pni_placepod", {}, timedelta(hours=25.1), True),
    ],
)
def test_silence_is_measured_by_the_heartbeat(
    codec: str, options: dict[str, str], silence: timedelta, *, is_silent: bool
) -> None:
    """Three heartbeats may be missed; where the data sheet names none, the default counts."""
    found = findings(known(codec, options=options, silence=silence))
    assert [one.problem for one in found] == [Problem.SILENT] * is_silent


def test_a_lost_contact_is_silence_whatever_the_heartbeat() -> None:
    """`lost_after` of the configuration or of the device can be shorter than three heartbeats."""
    found = the_one(known(silence=timedelta(hours=26), contact=Contact.LOST))
    assert found.problem is Problem.SILENT


def test_silence_is_shown_with_its_start_and_its_limit() -> None:
    found = the_one(known(silence=timedelta(days=10)))
    assert found.detail == "last heard 2026-11-13 12:00 UTC; it may be silent for 3 d"
    assert found.fix.endswith("parking-gateway devices assign DEV_EUI central/level-1/A-012")
    assert the_one(known("pni_placepod", silence=timedelta(days=10))).detail.endswith("for 1 d")


@pytest.mark.parametrize(
    ("device", "is_silent"),
    [
        (known(lost_after=7200, silence=timedelta(hours=2.1)), True),
        (known(lost_after=604_800, silence=timedelta(days=6)), False),
    ],
)
def test_the_limit_of_the_device_comes_first(device: KnownDevice, *, is_silent: bool) -> None:
    assert [one.problem for one in findings(device)] == [Problem.SILENT] * is_silent


def test_a_device_that_never_sent_may_have_a_mistyped_name() -> None:
    found = the_one(known(silence=None))
    assert found.problem is Problem.NEVER_HEARD
    assert found.fix.endswith("parking-gateway devices assign DEV_EUI central/level-1/A-012")


def test_a_refused_frame_can_be_looked_at() -> None:
    refused = RefusedFrames(
        count=3, detail="bosch_tps110: no message on port 1 has 2 bytes", f_port=1, data=b"\x01\x01"
    )
    found = the_one(known("bosch_tps110", options={"firmware": "v029"}), refused=refused)
    assert found.problem is Problem.UNDECODABLE
    assert found.detail == "3 frames within a day, the last: bosch_tps110: no message on port 1 has 2 bytes"
    assert found.fix == "parking-gateway decode bosch_tps110 --port 1 --option firmware=v029 0101"


def test_a_refused_frame_that_is_no_longer_on_record_is_still_in_the_rejections() -> None:
    found = the_one(known(), refused=RefusedFrames(count=1, detail="why"))
    assert found.fix == "parking-gateway rejections list"


def test_one_device_can_have_several_problems() -> None:
    found = findings(known("dragino_ldds75", silence=timedelta(days=1)), refused=RefusedFrames(count=1, detail="why"))
    assert [one.problem for one in found] == [Problem.NO_OCCUPANCY, Problem.SILENT, Problem.UNDECODABLE]


def test_names_that_a_shell_would_read_are_quoted() -> None:
    found = the_one(known("dragino_ldds75", options={"vacant_above_mm": "$(id); x"}))
    assert "vacant_above_mm=$(id); x" in shlex.split(found.fix)


def test_a_device_that_loses_more_than_the_air_takes_is_lossy() -> None:
    found = the_one(known(), loss=Loss(missing=12, recorded=88))
    assert found.problem is Problem.LOSSY
    assert found.detail == "12 uplinks of the last day missing by frame counter, 88 recorded"
    assert found.fix.startswith(f"parking-gateway heal --device {DEVICE}; ")


@pytest.mark.parametrize("loss", [Loss(missing=2, recorded=0), Loss(missing=9, recorded=91)])
def test_a_device_may_lose_a_few_uplinks(loss: Loss) -> None:
    assert findings(known(), loss=loss) == []


@pytest.mark.parametrize(
    ("percent", "problems"), [(None, []), (21, []), (20, [Problem.BATTERY]), (0, [Problem.BATTERY])]
)
def test_a_low_battery_is_found(percent: int | None, problems: list[Problem]) -> None:
    found = findings(msgspec.structs.replace(known(), battery_percent=percent))
    assert [one.problem for one in found] == problems


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (Stored.FAULT, Problem.FAULT),
        (Stored.TAMPER, Problem.TAMPER),
        (Stored.STUCK, Problem.STUCK),
        (Stored.BATTERY_LOW, Problem.BATTERY),
        (Stored.CLOCK, Problem.CLOCK),
    ],
)
def test_what_the_running_gateway_has_found_is_shown(found: Stored, problem: Problem) -> None:
    device = msgspec.structs.replace(known(), problems=[found], fault="RTC")
    assert [one.problem for one in findings(device)] == [problem]
