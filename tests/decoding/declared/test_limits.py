"""The limits of time and memory of a frame hold for any script, and the next frame is decoded."""

import time
from pathlib import Path

import pytest

from decoders import Undecodable
from parking_gateway.core.events import Reason, Rejection
from parking_gateway.decoding.declared import javascript
from parking_gateway.decoding.decoder import decode_frame
from parking_gateway.decoding.guests.process import GuestStopped
from tests.decoding.declared.conftest import GOOD, Declare, bad_and_next, frame, hostile

SOON_SECONDS = 3
"""Far more than the limit and a new process on a busy machine, and far less than the stopped code."""

ENDLESS = {
    "a loop": "for (;;);",
    "a loop that catches": "for (;;) { try { for (;;); } catch (e) {} }",
    "recursion that catches": "(function f() { try { f(); } catch (e) { f(); } })();",
    "a regular expression": "/^(a+)+$/.test('a'.repeat(40) + 'b');",
    "a native function": "new Array(2 ** 31).join('');",
    "a native search": "'a'.repeat(1000000).indexOf('a'.repeat(300000) + 'b');",
    "a native function over and over": "for (;;) new Uint8Array(1000000).fill(1).sort();",
    "a generator": "for (const x of (function* () { for (;;) yield 1; })()) ;",
    "a getter": "return { get data() { for (;;); } };",
    "a getter within": "return { data: { get occupied() { for (;;); } } };",
    "a getter of a native function": "return { data: { get occupied() { return new Array(2 ** 31).join(''); } } };",
    "a proxy": "return { data: new Proxy({}, { getOwnPropertyDescriptor() { for (;;); } }) };",
    "a list of errors": "return { errors: new Proxy([1], { get() { for (;;); } }) };",
    "the text of what was thrown": "throw { toString() { for (;;); } };",
    "the stack of what was thrown": "throw { get stack() { for (;;); } };",
    "waiting": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
}


@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
def test_code_that_never_ends_is_stopped(declare: Declare, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """QuickJS stops a script between its steps. A built-in function is stopped with the process."""
    decode = declare(hostile(code))
    monkeypatch.setattr(javascript, "FRAME_SECONDS", 0.05)
    began = time.monotonic()
    rejection = decode_frame(decode, frame("00"))
    took = time.monotonic() - began
    monkeypatch.setattr(javascript, "FRAME_SECONDS", 10)
    assert isinstance(rejection, Rejection)
    assert took < SOON_SECONDS
    assert decode_frame(decode, frame("01")) == GOOD


def test_an_endless_loop_is_named_with_its_function(declare: Declare) -> None:
    """The person who has to find the loop needs the function. The reason is a failed codec, not the frame."""
    decode = declare("function decodeUplink(input) { return count(); }\nfunction count() { for (;;); }")
    assert decode_frame(decode, frame("00")) == Rejection(
        reason=Reason.CODEC_FAILED, detail="acme.js was stopped: it computes without end in count"
    )


def test_the_limit_is_that_of_one_frame(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is the limit and little more, in wall-clock time."""
    decode = declare(hostile("new Array(2 ** 31).join('');"))
    decode(frame("01"))
    monkeypatch.setattr(javascript, "FRAME_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(GuestStopped, match=r"acme\.js was stopped: no reply within 200 ms"):
        decode(frame("00"))
    assert 0.2 <= time.monotonic() - began < SOON_SECONDS


HOGS = {
    "a list": "var a = []; for (;;) a.push({});",
    "a text": "var s = 'x'; for (;;) s += s;",
    "a buffer": "new ArrayBuffer(1e9); ",
    "many buffers": "var a = []; for (;;) a.push(new Uint8Array(100000));",
    "a repeated text": "'x'.repeat(2 ** 29);",
    "a number": "var n = 3n; for (;;) n = n * n;",
    "closures": "var f = () => 0; for (;;) f = (g => () => g)(f);",
    "recursion": "(function f() { return f() + 1; })();",
    "recursion of a native function": "var a = []; a = [a]; for (var i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a);",
    "a deep expression": "eval('('.repeat(100000));",
    "a deep pattern": "new RegExp('('.repeat(100000) + ')'.repeat(100000));",
    "what is returned": "return { data: { fault: 'x'.repeat(7e6) } };",
}


@pytest.mark.parametrize("code", HOGS.values(), ids=HOGS)
def test_code_that_takes_too_much_memory_is_refused(declare: Declare, code: str) -> None:
    decode = declare(hostile(code), TOML_WITH_A_TEXT)
    rejection, following = bad_and_next(decode)
    assert isinstance(rejection, Rejection)
    assert following == GOOD


TOML_WITH_A_TEXT = """
vendor = "A"
model = "X"
ports = { 1 = [1] }
[reading]
occupancy = { path = "occupied", occupied = [true], vacant = [false] }
counter = { path = "count" }
fault = { path = "fault" }
"""


def test_memory_is_limited_and_given_back(tmp_path: Path) -> None:
    """A script has 8 MiB, and the interpreter a few more, also after many attempts."""
    file = tmp_path / "hog.js"
    file.write_text(hostile("var a = []; for (;;) a.push(new Uint8Array(100000));"))
    script = javascript.Script(file, ("occupied",))
    script.ask(frame("01"))
    process = script.pid
    before = peak_memory(process)
    for _ in range(20):
        with pytest.raises(Undecodable):
            script.ask(frame("00"))
    assert script.pid == process
    assert peak_memory(process) - before < 24 * 2**20


def peak_memory(process: int) -> int:
    """Return the highest resident size in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
