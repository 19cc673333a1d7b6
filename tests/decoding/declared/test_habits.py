"""The habits of vendors' scripts: each of them decodes like a plain `decodeUplink`."""

import json

import pytest

from decoders import Occupancy
from parking_gateway.decoding.declared.bench import Bench
from parking_gateway.decoding.declared.habits import without_modules
from tests.decoding.declared.conftest import Declare, frame

BODY = "return { data: { occupied: bytes[0] === 1, count: port } };"
PLAIN = f"function decodeUplink(input) {{ const {{ bytes, fPort: port }} = input; {BODY} }}"

SCRIPTS = {
    "a function": PLAIN,
    "an arrow": f"const decodeUplink = (input) => {{ const bytes = input.bytes, port = input.fPort; {BODY} }};",
    "strict mode": f'"use strict";\n{PLAIN}',
    "sloppy mode": f"undeclared = 1; {PLAIN}",
    "module.exports": f"module.exports = {{ decodeUplink: function (input) {{ {PLAIN} return decodeUplink(input); }} }};",
    "exports": f"const read = (input) => {{ {PLAIN} return decodeUplink(input); }}; exports.decodeUplink = read;",
    "exports.driver": f"{PLAIN.replace('decodeUplink', 'read')} exports.driver = {{ decodeUplink: read }};",
    "a driver": f"var driver = (() => {{ {PLAIN} return {{ decodeUplink }}; }})();",
    "an exported function": f"export {PLAIN}",
    "an exported constant": f"export const decodeUplink = (input) => {{ {PLAIN} return decodeUplink(input); }};",
    "a list of exports": f"{PLAIN.replace('decodeUplink', 'read')} export {{ read as decodeUplink }};",
    "a default export": f"export default {{ decodeUplink(input) {{ {PLAIN} return decodeUplink(input); }} }};",
    "only if there is Node.js": f"{PLAIN} if (typeof module !== 'undefined') {{ module.exports = {{ decodeUplink }}; }}",
    "The Things Network v2": "function Decoder(bytes, port) { return { occupied: bytes[0] === 1, count: port }; }",
    "ChirpStack v3": "function Decode(fPort, bytes, variables) { return { occupied: bytes[0] === 1, count: fPort }; }",
    "console": PLAIN.replace("return", "console.log(bytes, `${port}`); console.error('x'); return"),
    "Buffer": PLAIN.replace("bytes[0]", "parseInt(Buffer.from(bytes).toString('hex').slice(0, 2), 16)"),
    "a time": PLAIN.replace("return", "if (!(input.recvTime instanceof Date)) throw new Error('no Date'); return"),
    "a global": f"global.kept = 1; {PLAIN}",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_habit_decodes(declare: Declare, script: str) -> None:
    decode = declare(script)
    assert decode(frame("01", port=1)).occupancy is Occupancy.OCCUPIED
    assert decode(frame("00", port=1)).occupancy is Occupancy.VACANT
    assert decode(frame("00", port=1)).counter == 1


BUFFERS = {
    'Buffer.from("0aff10", "hex").readUInt16BE(1)': 0xFF10,
    'Buffer.from("0aff10zz", "hex").length': 3,
    "Buffer.from([1, 2, 3, 4]).readInt32LE(0)": 0x04030201,
    "Buffer.from([255, 254]).readInt16BE()": -2,
    "Buffer.from([0x3f, 0x80, 0, 0]).readFloatBE(0)": 1,
    "Buffer.from([1, 2, 3]).readUIntLE(0, 3)": 0x030201,
    "Buffer.from([255, 255, 254]).readIntBE(0, 3)": -2,
    'Buffer.from("aGk=", "base64").toString()': "hi",
    'Buffer.from("hi").toString("base64")': "aGk=",
    'Buffer.from("grün", "utf8").toString("hex")': "6772c3bc6e",
    'Buffer.from("6772c3bc6e", "hex").toString("utf-8")': "grün",
    'Buffer.from([0x41, 0xc2]).toString("ascii")': "AB",
    "Buffer.concat([Buffer.from([1]), Buffer.from([2, 3])]).length": 3,
    "Buffer.from([1, 2, 3, 4]).slice(1, 3).readUInt16BE(0)": 0x0203,
    "JSON.stringify(Buffer.from([1]))": '{"type":"Buffer","data":[1]}',
    "new Buffer([7])[0]": 7,
    "Buffer.isBuffer(Buffer.alloc(2))": True,
    "(() => { const b = Buffer.alloc(4); b.writeUInt32BE(0x40490fdb, 0); return b.readFloatBE(0).toFixed(4); })()": "3.1416",
    "(() => { try { Buffer.from([1]).readUInt16BE(0); } catch (e) { return e.name; } })()": "RangeError",
    'atob("aGk=")': "hi",
    "new TextDecoder().decode(new Uint8Array([104, 105]))": "hi",
}


def test_the_buffer_reads_as_that_of_node() -> None:
    bench = Bench()
    bench.load(f"function decodeUplink() {{ return [{', '.join(BUFFERS)}]; }}")
    reply = bench.call("decodeUplink", {}, dated=True, context=None)
    bench.end()
    assert reply.output is not None, reply.why
    assert json.loads(reply.output) == list(BUFFERS.values())


@pytest.mark.parametrize(
    "script",
    [
        "// export the data\nfunction f() {}",
        "/*\nimport the data\n*/",
        "var exports = 1;",
        "important();\nexported = 2;",
    ],
)
def test_a_script_that_is_no_module_is_left_alone(script: str) -> None:
    assert without_modules(script) == script
