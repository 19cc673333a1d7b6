"""A guest in its process: found and used like any codec, and ended at its time limit."""

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from decoders import Frame, Occupancy, Reading, conformance
from decoders.conformance import NOON
from parking_gateway.core.events import Reason, Rejection
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding import codecs
from parking_gateway.decoding.budget import PAUSE_SECONDS, Guests
from parking_gateway.decoding.codecs import guest_codec
from parking_gateway.decoding.decoder import Choice, Decoder, decode_frame, guest_key
from parking_gateway.decoding.guests import process
from parking_gateway.decoding.guests.process import GuestStopped, Process
from parking_gateway.gateway.opening import mistakes
from tests.decoding.guests.conftest import ASKED, HEAD, Guest
from tests.decoding.test_decoder import UPLINK

FRAME = Frame(
    port=1, payload=b"\x01", received_at=NOON, object={"text": "\u2028", "number": 2**70, "list": [1.5, None]}
)
CHOICE = Choice(codec="guest")


def test_a_guest_gets_a_whole_frame_and_returns_a_whole_reading(guest: Guest) -> None:
    """As if it ran in this process. Numbers of any size are checked here."""
    fields = "battery_percent=130, counter=2**70, fault='a\\udcff', tamper=True, at=frame.received_at"
    past = "past=(Reading(at=frame.received_at, distance_mm=7),)"
    channels = "channels={2: Reading(counter_in=3, counter_out=4)}"
    body = f"assert frame == FRAME, frame; return Reading(occupancy=Occupancy.OCCUPIED, {fields}, {channels}, {past})"
    frame = f"from datetime import UTC, datetime, timezone\nimport datetime as _\nFRAME = {FRAME!r}".replace(
        "datetime.datetime(", "datetime("
    ).replace("datetime.timezone.utc", "UTC")
    folder = guest("guest", body, first=frame)
    decode = codecs.bind(codecs.find("guest", dropins=folder))
    assert decode(FRAME) == Reading(
        occupancy=Occupancy.OCCUPIED,
        battery_percent=130,
        counter=2**70,
        fault="a\udcff",
        tamper=True,
        at=NOON,
        channels={2: Reading(counter_in=3, counter_out=4)},
        past=(Reading(at=NOON, distance_mm=7),),
    )
    assert list(conformance.impossible(decode(FRAME))) == ["the battery has 130.0 percent"]


def test_its_options_are_those_of_its_parameters(tmp_path: Path) -> None:
    options = "*, a: int, b: float = 1.5, c: bool = False, d: Literal['x', 'y'] = 'x', e: str = ''"
    (tmp_path / "guest.py").write_text(
        f"from typing import Literal\n{HEAD}def decode(frame, {options}):\n    return Reading(fault=repr((a, b, c, d, e)))\n"
    )
    codec = codecs.find("guest", dropins=tmp_path)
    assert [option.name for option in codec.options] == ["a", "b", "c", "d", "e"]
    assert codec.options[3].allowed == "x or y"
    decode = codecs.bind(codec, {"a": "7", "c": "true", "d": "y"})
    assert decode(FRAME).fault == "(7, 1.5, True, 'y', '')"
    with pytest.raises(codecs.BadOption, match="x or y"):
        codecs.bind(codec, {"a": "7", "d": "z"})


def test_an_option_of_another_kind_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "guest.py").write_text(f"{HEAD}def decode(frame, *, a: list): ...\n")
    with pytest.raises(codecs.CodecNotFound, match="the option a is neither int, float, bool, str nor a Literal"):
        codecs.find("guest", dropins=tmp_path)


@pytest.mark.parametrize("first", ["while True: pass", "time.sleep(1000)"])
def test_a_guest_that_hangs_while_it_is_imported_is_ended_and_tried_again(
    guest: Guest, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may have been busy, or the file is corrected. The error is not cached."""
    monkeypatch.setattr(process, "START_SECONDS", 0.5)
    decoder = Decoder(folder=guest("guest", "return OCCUPIED", first=first))
    began = time.monotonic()
    refused = decoder.read(UPLINK, CHOICE).reading
    assert time.monotonic() - began < 10
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.CODEC_FAILED
    assert "was stopped while it was loaded: no reply within 500 ms" in refused.detail
    monkeypatch.setattr(process, "START_SECONDS", 30)
    guest("guest", "return OCCUPIED")
    assert decoder.read(UPLINK, CHOICE).reading == Reading(occupancy=Occupancy.OCCUPIED)


def test_a_guest_that_hangs_keeps_a_start_waiting_once_however_many_installations_name_it(
    guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt takes seconds, and installations may have hundreds of different options."""
    monkeypatch.setattr(process, "START_SECONDS", 2)
    asked = tmp_path / "asked"
    decoder = Decoder(folder=guest("guest", "return OCCUPIED", first=f"{ASKED.format(str(asked))}\ntime.sleep(1000)"))
    choices = [(number, Choice(codec="guest", options={"option": str(number)})) for number in range(20)]
    found = list(mistakes(decoder, choices))
    assert [number for number, _ in found] == list(range(20))
    assert all(isinstance(mistake, codecs.CodecStopped) for _, mistake in found)
    # The process that hung, and the one that replaced it.
    assert asked.read_text() in (".", "..")


def test_a_guest_that_ends_while_it_is_imported_is_no_codec(guest: Guest) -> None:
    with pytest.raises(codecs.CodecStopped, match="was stopped while it was loaded: its process ended"):
        codecs.find("guest", dropins=guest("guest", "return OCCUPIED", first="os._exit(0)"))
    with pytest.raises(codecs.CodecNotFound, match="cannot be loaded: SystemExit: bye"):
        codecs.find("other", dropins=guest("other", "return OCCUPIED", first="sys.exit('bye')"))


def test_the_frame_after_one_that_hung_is_read(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = guest("guest", "return OCCUPIED if frame.payload == b'1' else time.sleep(1000)")
    decode = codecs.find("guest", dropins=folder).decode
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 0.1)
    stopped = decode_frame(decode, FRAME)
    assert stopped == Rejection(reason=Reason.CODEC_FAILED, detail="no reply within 100 ms")
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 30)
    assert decode_frame(decode, msgspec.structs.replace(FRAME, payload=b"1")) == Reading(occupancy=Occupancy.OCCUPIED)


def test_child_processes_of_a_guest_end_with_it(guest: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this, a guest that is stopped repeatedly would fill the machine with processes."""
    child = tmp_path / "child"
    start = f"open({str(child)!r}, 'w').write(str(os.fork() or os.getpid() * 0 or time.sleep(1000)))"
    folder = guest("guest", f"{start} if frame.payload == b'1' else time.sleep(1000); return OCCUPIED")
    decode = codecs.find("guest", dropins=folder).decode
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 30)
    assert decode(msgspec.structs.replace(FRAME, payload=b"1")) == Reading(occupancy=Occupancy.OCCUPIED)
    number = int(child.read_text())
    assert is_running(number)
    monkeypatch.setattr(guest_codec, "FRAME_SECONDS", 0.1)
    with pytest.raises(GuestStopped):
        decode(FRAME)
    until = time.monotonic() + 20
    while is_running(number):
        assert time.monotonic() < until


def is_running(process_id: int) -> bool:
    """Return whether there is such a process, zombies excluded."""
    stat = Path(f"/proc/{process_id}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_process_that_reads_nothing_is_ended_too(tmp_path: Path) -> None:
    """Writing a line that does not fit into the pipe would block forever."""
    (tmp_path / "deaf.py").write_text(
        "import sys, time\nsys.stdin.readline()\nprint('{}', flush=True)\ntime.sleep(1000)\n"
    )
    deaf = Process(tmp_path / "deaf.py", b"{}", flags=["-I", "-S"])
    with pytest.raises(GuestStopped, match="no reply within 300 ms"):
        deaf.ask(b"x" * 10_000_000, seconds=0.3)
    deaf.end()


# --- which codecs are guests


def test_only_code_of_others_is_a_guest(guest: Guest) -> None:
    """The name alone decides, and no guest is run for it: one that hangs would hang here too."""
    folder = guest("acme", "pass", first="while True: pass")
    (folder / "vendor.js").write_text("")
    (folder / "vendor.toml").write_text("")
    (folder / "mapped.toml").write_text("")

    def guest_of(name: str) -> str | None:
        return codecs.guest_of(name, dropins=folder)

    names = ("acme", " ACME ", "acme_v2", "vendor", "vendor-v1")
    assert [guest_of(name) for name in names] == ["acme", "acme", "acme", "vendor", "vendor"]
    assert [guest_of(name) for name in ("bosch-tps110", "bosch_tps110_v029", "mapped")] == [None] * 3
    assert [guest_of(name) for name in ("no_such_codec", "9", "")] == [""] * 3
    guest("no_such_codec", "pass")
    assert guest_of("no_such_codec") == "no_such_codec"
    assert codecs.has_guests(folder)
    assert not codecs.has_guests(None)
    assert codecs.guest_of("no_such_codec", dropins=None) is None


def test_an_unknown_name_runs_no_guest(guest: Guest, tmp_path: Path) -> None:
    """A tag may contain any name, in every uplink."""
    asked = tmp_path / "asked"
    folder = guest("acme_bay", "pass", first=ASKED.format(str(asked)))
    with pytest.raises(codecs.CodecNotFound, match="did you mean acme_bay"):
        codecs.find("acme_bai", dropins=folder)
    assert not asked.exists()


# --- replay


def test_a_replay_has_the_same_limits(guest: Guest) -> None:
    """A replay holds locks that the gateways wait for."""
    folder = guest("guest", "time.sleep(1000)")
    decoder = Decoder(folder=folder)
    installation = Installation(dev_eui=UPLINK.device.dev_eui, space=SpaceId(1), codec="guest")
    uplinks = [msgspec.structs.replace(UPLINK, deduplication_id=UUID(int=n)) for n in range(1000)]
    began = time.monotonic()
    with_readings = Guests(decoder).decoder_of(UPLINK.device, uplinks, installation)
    assert time.monotonic() - began < 15
    readings = [with_readings.read(uplink, CHOICE).reading for uplink in uplinks]
    assert {one.reason for one in readings if isinstance(one, Rejection)} == {
        Reason.CODEC_FAILED,
        Reason.CODEC_OUT_OF_TIME,
    }
    ours = msgspec.structs.replace(installation, codec="bosch_tps110_v029")
    assert Guests(decoder).decoder_of(UPLINK.device, uplinks, ours) is decoder


# --- budgets, by a clock of the test


class Clock:
    """A clock that advances by `seconds` at each call: at the beginning of a batch, and after each frame."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = 1000.0

    def __call__(self) -> float:
        """Advance, and return the time."""
        self.now += self.seconds
        return self.now


Taking = Callable[[float], tuple[Guests, Clock]]


@pytest.fixture
def taking(guest: Guest) -> Taking:
    """Return a good guest that takes this time for each frame."""

    def taking(seconds: float) -> tuple[Guests, Clock]:
        clock = Clock(seconds)
        return Guests(Decoder(folder=guest("guest", "return OCCUPIED")), clock=clock), clock

    return taking


def decoded(guests: Guests, frames: int) -> list[bool]:
    """Return for each frame of one batch whether the guest decoded it."""
    uplinks = [msgspec.structs.replace(UPLINK, deduplication_id=UUID(int=number)) for number in range(frames)]
    readings = guests.read("guest", [(uplink, CHOICE) for uplink in uplinks])
    found = [readings[guest_key(uplink, CHOICE)].reading for uplink in uplinks]
    return [not isinstance(one, Rejection) or one.reason is not Reason.CODEC_OUT_OF_TIME for one in found]


def test_a_guest_that_is_busy_but_replies_is_never_paused(taking: Taking) -> None:
    """Batch after batch, ten times as slow as a script."""
    guests, _ = taking(0.004)
    for _ in range(50):
        assert all(decoded(guests, 200))


def test_frames_that_hang_waste_half_a_second_of_a_batch(taking: Taking) -> None:
    guests, _ = taking(0.2)
    assert decoded(guests, 20) == [True] * 3 + [False] * 17


def test_slow_frames_are_bounded_all_together(taking: Taking) -> None:
    guests, _ = taking(0.03)
    assert sum(decoded(guests, 200)) == 44  # 0.5 s and 200 times 4 ms, and the one that went beyond


@pytest.mark.parametrize("seconds", [0.2, 0.03])
def test_a_guest_that_wastes_two_seconds_is_paused_for_a_minute(taking: Taking, seconds: float) -> None:
    guests, clock = taking(seconds)
    batches = 0
    while any(decoded(guests, 100)):
        batches += 1
    assert batches in {4, 5}  # a little expires between them
    clock.now += PAUSE_SECONDS - 1
    assert not any(decoded(guests, 100))
    clock.now += 2
    assert any(decoded(guests, 100))


async def test_a_guest_that_hangs_is_a_problem_until_it_decodes_in_time(guest: Guest) -> None:
    """Its name and what to do. One slow frame is none."""
    complaints: list[str | None] = []
    clock = Clock(0.3)
    guests = Guests(
        Decoder(folder=guest("guest", "return OCCUPIED")),
        clock=clock,
        complain=lambda _about, sentence: complaints.append(sentence),
    )
    await guests.readings({"guest": [(UPLINK, CHOICE)]})
    assert complaints == [None]
    await guests.readings({"guest": [(UPLINK, CHOICE)]})
    assert "The codec guest hangs or is slow" in str(complaints[-1])
    clock.now, clock.seconds = clock.now + PAUSE_SECONDS, 0.001
    await guests.readings({"guest": [(UPLINK, CHOICE)]})
    assert complaints[-1] is None


def test_a_guest_with_a_rare_slow_frame_is_never_paused(taking: Taking) -> None:
    guests, clock = taking(0.2)
    for _ in range(100):
        assert decoded(guests, 1) == [True]
        clock.now += 10
