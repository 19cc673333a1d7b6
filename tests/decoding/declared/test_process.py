"""The process of a script, and the checks of a script before its first frame."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from decoders import Frame
from parking_gateway.decoding.declared import Unusable, javascript
from tests.decoding.declared.conftest import Declare, frame, hostile


def test_a_process_that_ended_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "acme.js").write_text(hostile(""))
    script = javascript.Script(tmp_path / "acme.js", ("count",))
    for _ in range(3):
        os.kill(script.pid, signal.SIGKILL)
        os.waitid(os.P_PID, script.pid, os.WEXITED | os.WNOWAIT)
        assert script.ask(frame("01")) == {"count": 3}


def test_a_process_ends_when_the_gateway_is_killed(tmp_path: Path) -> None:
    """The killed gateway cannot end it."""
    (tmp_path / "acme.js").write_text(hostile(""))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from parking_gateway.decoding.declared.javascript import Script\n"
        f"script = Script(Path({str(tmp_path / 'acme.js')!r}), ())\n"
        "print(script.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as gateway:
        assert gateway.stdout
        process = os.pidfd_open(int(gateway.stdout.readline()))
        gateway.kill()
    has_ended, _, _ = select.select([process], [], [], 20)
    os.close(process)
    assert has_ended


def test_a_process_ends_with_its_script(tmp_path: Path) -> None:
    (tmp_path / "acme.js").write_text(hostile(""))
    script = javascript.Script(tmp_path / "acme.js", ("count",))
    process = Path(f"/proc/{script.pid}")
    assert process.exists()
    del script
    assert not process.exists()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("", "acme.js has no function decodeUplink(input)"),
        ("var decodeUplink = 7;", "acme.js has no function decodeUplink(input)"),
        ("function decodeUplink(input) {\n", "acme.js does not run: SyntaxError"),
        ("\n\nthrow new Error('not today');\nfunction decodeUplink() {}", "does not run: Error: not today (line 3)"),
        ("export function encodeDownlink(input) { return {}; }", "acme.js has no function decodeUplink(input)"),
        (
            "import fs from 'fs'; export function decodeUplink(input) {}",
            "does not run: Error: the module fs is not here",
        ),
        (
            "const fs = require('fs'); function decodeUplink() {}",
            "does not run: ReferenceError: require is not defined",
        ),
        ("for (;;);\nfunction decodeUplink(input) {}", "acme.js does not run: InternalError: interrupted (line 1)"),
        ("function decodeUplink(input) {} 'x'.repeat(1e9);", "acme.js does not run: InternalError: out of memory"),
        ("const decodeUplink = decodeUplink;", "acme.js does not run: ReferenceError"),
        ("function decodeUplink() {}\0", "acme.js has a NUL character in it"),
        ("/" * 600_000, "acme.js has 600000 characters, at most 524288 are allowed"),
    ],
)
def test_an_unusable_script_is_refused_when_it_is_found(declare: Declare, script: str, why: str) -> None:
    with pytest.raises(Unusable) as refusal:
        declare(script)
    assert why in str(refusal.value)


def test_a_script_that_never_ends_is_refused_when_it_is_found(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(javascript, "LOOK_SECONDS", 0.2)
    with pytest.raises(Unusable, match=r"acme\.js was stopped: no reply within 200 ms"):
        declare("new Array(2 ** 31).join(''); function decodeUplink() {}")


@pytest.mark.parametrize(
    "last", ["5n ** 9999n", "Symbol('x')", "'\\ud800'", "({ toString() { for (;;); } })", "// a comment", "if (true) 5"]
)
def test_the_last_value_of_a_script_is_ignored(declare: Declare, last: str) -> None:
    decode = declare(f"function decodeUplink() {{ return {{ data: {{ count: 3 }} }}; }}\n{last}")
    assert decode(frame("00")).counter == 3


def test_without_quickjs_the_sentence_names_what_to_install(declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    """A declared codec without a script does not need QuickJS."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert declare(None)(frame("00", object={"count": 3})).counter == 3
    with pytest.raises(Unusable, match=r"acme.js needs QuickJS, .* install parking-gateway\[javascript\]"):
        declare(hostile(""))


def test_frames_far_apart_have_their_own_dates(declare: Declare) -> None:
    """Each frame has its own date, although its context is made before it."""
    decode = declare("function decodeUplink(i) { return { data: { count: i.recvTime.getUTCFullYear() } }; }")
    assert decode(frame("00")).counter == 2026
    assert decode(Frame(port=1, payload=b"\0", received_at=frame("00").received_at.replace(year=2027))).counter == 2027
