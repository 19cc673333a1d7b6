"""Whatever a script throws, returns or changes: a reading or a refusal follows, and the next frame is decoded."""

import os
from pathlib import Path

import pytest

from decoders import Occupancy, Reading, Undecodable
from parking_gateway.core.events import Reason, Rejection
from parking_gateway.decoding.declared import javascript
from parking_gateway.decoding.decoder import decode_frame
from tests.decoding.declared.conftest import GOOD, Declare, bad_and_next, frame, hostile, returning

THROWN = {
    "throw new Error('port 9?');": "acme.js threw Error: port 9? (line 1)",
    "undefined.x;": "acme.js threw TypeError: cannot read property 'x' of undefined (line 1)",
    "nowhere();": "acme.js threw ReferenceError: nowhere is not defined (line 1)",
    "throw null;": "acme.js threw null",
    "throw undefined;": "acme.js threw undefined",
    "throw 7;": "acme.js threw 7",
    "throw Symbol('x');": "acme.js threw",
    "throw { toString() { throw 1; } };": "acme.js threw",
    "throw { toString: null, valueOf: null };": "acme.js threw",
    "throw Object.create(null);": "acme.js threw",
    "throw new Proxy({}, { get() { throw 1; } });": "acme.js threw",
    "throw 'a\\nb\\u0000c\\ud800d';": "acme.js threw a",
    "throw 'x'.repeat(1e6);": "acme.js threw xxxxxx",
    "Error.prepareStackTrace = () => { throw 1; }; throw new Error('e');": "acme.js threw",
    "eval('}');": "acme.js threw SyntaxError",
    "return import('fs').then;": "acme.js",
}


@pytest.mark.parametrize(("code", "why"), THROWN.items(), ids=range(len(THROWN)))
def test_an_exception_of_a_script_is_a_refusal(declare: Declare, code: str, why: str) -> None:
    """The message is one printable line, for a log and a database."""
    rejection, following = bad_and_next(declare(hostile(code)))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.UNDECODABLE
    assert rejection.detail.startswith(why)
    assert rejection.detail.isprintable()
    assert len(rejection.detail) < 400
    assert following == GOOD


@pytest.mark.parametrize(
    "code",
    [
        "return;",
        "return null;",
        "return 1;",
        "return 'occupied';",
        "return 5n;",
        "return 7n ** 5000n;",
        "return Symbol('x');",
        "return true;",
        "return [];",
        "return {};",
        "return { data: null };",
        "return { data: 1 };",
        "return { data: 'occupied' };",
        "return { data: () => ({ occupied: true }) };",
        "return () => ({ data: { occupied: true } });",
        "return Promise.resolve({ data: { occupied: true } });",
        "return (async () => ({ data: { occupied: true } }))();",
        "return Object.create({ data: { occupied: true } });",
        "var p = Proxy.revocable({}, {}); p.revoke(); return p.proxy;",
        "var p = Proxy.revocable({}, {}); p.revoke(); return { data: p.proxy };",
        "var p = Proxy.revocable([], {}); p.revoke(); return { errors: p.proxy };",
        "return { get data() { throw new Error('no'); } };",
    ],
)
def test_a_result_without_data_is_refused(declare: Declare, code: str) -> None:
    rejection, following = bad_and_next(declare(hostile(code)))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.UNDECODABLE
    assert following == GOOD


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ("['unknown port']", "unknown port"),
        ("['one', 'two']", "one"),
        ("'text alone'", "text alone"),
        ("[5]", "5"),
        ("[{}]", "an object"),
        ("[[]]", "a list"),
        ("[null]", "nothing"),
        ("{}", "an object"),
        ("true", "true"),
        ("1", "1"),
        ("['line\\nline\\u0000\\u001b[31m']", "line\\nline"),
        ("['x'.repeat(1e6)]", "xxxx"),
        ("new Array(1e6)", "nothing"),
        ("new Proxy([], { get() { return 1; } })", ""),
    ],
)
def test_returned_errors_are_a_refusal(declare: Declare, errors: str, why: str) -> None:
    rejection, following = bad_and_next(declare(hostile(f"return {{ data: {{ occupied: true }}, errors: {errors} }};")))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.UNDECODABLE
    assert rejection.detail.startswith(f"acme.js reports: {why}")
    assert rejection.detail.isprintable()
    assert following == GOOD


@pytest.mark.parametrize("errors", ["[]", "null", "undefined", "''", "false"])
def test_empty_errors_are_no_refusal(declare: Declare, errors: str) -> None:
    decode = declare(f"function decodeUplink() {{ return {{ data: {{ occupied: false }}, errors: {errors} }}; }}")
    assert decode(frame("00")) == Reading(occupancy=Occupancy.VACANT)


@pytest.mark.parametrize(
    "data",
    [
        "{ occupied: 1 }",
        "{ occupied: 0 }",
        "{ occupied: 'true' }",
        "{ occupied: '' }",
        "{ occupied: NaN }",
        "{ occupied: [true] }",
        "{ occupied: {} }",
        "{ occupied: new Boolean(true) }",
        "{ occupied: () => true }",
        "{ occupied: Symbol() }",
        "{ occupied: 1n }",
        "{ count: NaN }",
        "{ count: Infinity }",
        "{ count: -Infinity }",
        "{ count: 3n }",
        "{ count: 7n ** 5000n }",
        "{ count: '3' }",
        "{ count: true }",
        "{ count: -1 }",
        "{ count: 1e300 }",
        "{ count: new Number(3) }",
        "{ count: new Date() }",
        "{ count: function () {} }",
        "{ count: { valueOf: () => 3 } }",
        "{ count: { toJSON: () => 3 } }",
        "{ count: Object.assign([], { toJSON: () => 3 }) }",
        "{ count: new Proxy({}, {}) }",
        "{ count: 'x'.repeat(1e6) }",
        "{ get count() { throw 1; } }",
        "new Proxy({}, { getOwnPropertyDescriptor() { throw 1; } })",
        "new Proxy({ count: 1 }, { get() { return 2n; } })",
    ],
)
def test_a_value_of_another_type_is_refused(declare: Declare, data: str) -> None:
    """1 is not true, "3" is not 3, and the script's own conversions are not used."""
    rejection, following = bad_and_next(declare(returning(data)))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.UNDECODABLE
    assert following == GOOD


@pytest.mark.parametrize(
    "data",
    [
        "{}",
        "[]",
        "{ occupied: undefined, count: null }",
        "Object.create({ occupied: true, count: 9 })",
        "Object.create(null)",
        "new (class { get occupied() { return true; } })()",
        "{ toJSON() { return { occupied: true }; } }",
        "(function () { var d = { other: 1 }; d.self = d; return d; })()",
        "{ other: new Array(1e5).fill('x') }",
    ],
)
def test_a_missing_value_gives_no_field(declare: Declare, data: str) -> None:
    """Only own members of an object count. Undeclared values may be anything."""
    assert bad_and_next(declare(returning(data))) == (Reading(), GOOD)


TRICKS = [
    "Object.prototype.occupied = true; Object.prototype.count = 9;",
    "Object.prototype.toJSON = function () { return { occupied: true, count: 9 }; };",
    "Object.defineProperty(Object.prototype, 'occupied', { get() { return true; } });",
    "Object.defineProperty(Object.prototype, 'errors', { get() { return ['no']; } });",
    "Object.prototype.errors = ['no']; Object.prototype.data = { occupied: true };",
    "Boolean.prototype.toJSON = Number.prototype.toJSON = String.prototype.toJSON = () => true;",
    "JSON.parse = JSON.stringify = () => '{\"occupied\":true}';",
    "Object.hasOwn = () => true; Object.getOwnPropertyDescriptor = () => ({ value: true });",
    "Object.prototype.hasOwnProperty = () => true;",
    "Reflect.get = Reflect.has = Reflect.getOwnPropertyDescriptor = () => true;",
    "Array.isArray = () => true; Array.prototype.length = 5;",
    "Array.prototype[Symbol.iterator] = function* () { yield true; };",
    "Array.prototype.toString = Array.prototype.join = () => 'x';",
    "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = () => true;",
    "Date = function () { return 5; }; Date.prototype = null;",
    "String = Number = Boolean = Object = Array = Symbol = Proxy = undefined;",
    "globalThis.eval = () => true; globalThis.undefined = 1;",
    "Object.freeze(Object.prototype); Object.freeze(Array.prototype); Object.freeze(globalThis);",
    "for (var n of Object.getOwnPropertyNames(globalThis)) { try { delete globalThis[n]; } catch (e) {} }",
    "Object.setPrototypeOf(Object.prototype.__proto__ || {}, null); globalThis.__proto__ = null;",
    "Object.defineProperty(Object.prototype, '0', { set(v) {}, get() { return 1; } });",
    "Object.defineProperty(Object.prototype, 'bytes', { set(v) {}, get() { return [1]; } });",
]


@pytest.mark.parametrize("when", ["at first", "with the frame"])
@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_changed_prototypes_and_globals_have_no_effect(declare: Declare, trick: str, when: str) -> None:
    """The reading has the values that the script returned: a vacant space and no count."""
    at_first, with_the_frame = (trick, "") if when == "at first" else ("", trick)
    decode = declare(
        f"{at_first}\nfunction decodeUplink(input) {{ {with_the_frame}\n return {{ data: {{ occupied: false }} }}; }}"
    )
    for _ in range(2):
        assert decode_frame(decode, frame("00")) == Reading(occupancy=Occupancy.VACANT)


@pytest.mark.parametrize(
    "kept", ["globalThis.seen", "Object.prototype.seen", "Array.seen", "decodeUplink.seen", "Math.seen", "JSON.seen"]
)
def test_no_state_is_kept_between_frames(declare: Declare, kept: str) -> None:
    decode = declare(
        f"function decodeUplink(i) {{ {kept} = ({kept} || 0) + 1; return {{ data: {{ count: {kept} }} }}; }}"
    )
    assert [decode(frame("00")).counter for _ in range(3)] == [1, 1, 1]


def test_a_script_has_no_access_to_the_system(declare: Declare) -> None:
    """No files, no network, no timers, no modules: only the language itself."""
    absent = "std os require process Deno Bun fetch XMLHttpRequest WebSocket Worker setTimeout setInterval scriptArgs print load"
    tests = " + ".join(f"(typeof {name} !== 'undefined')" for name in absent.split())
    decode = declare(f"function decodeUplink() {{ return {{ data: {{ count: {tests} }} }}; }}")
    assert decode(frame("00")).counter == 0
    with pytest.raises(Undecodable, match="threw"):
        declare("function decodeUplink() { throw Object.keys(this).join(); }")(frame("00"))


def test_the_process_has_no_environment_and_no_files_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may contain passwords, and the files include the connection to the database."""
    monkeypatch.setenv("PARKING_GATEWAY_DATABASE__URL", "postgresql://secret")
    (tmp_path / "acme.js").write_text("function decodeUplink() {}")
    with (tmp_path / "open").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)  # noqa: FBT003 - it takes it in no other way
        script = javascript.Script(tmp_path / "acme.js", ())
        process = Path(f"/proc/{script.pid}")
        assert b"secret" not in (process / "environ").read_bytes()
        assert str(ours.name) not in {str(link.readlink()) for link in (process / "fd").iterdir()}
