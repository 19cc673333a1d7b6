"""Small checkouts in the layouts of the three repositories. All of their content is ours."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

SCRIPT = """
function decodeUplink(input) {
  if (input.fPort !== 1) return { errors: ["unknown port"] };
  return { data: { occupied: (input.bytes[0] & 1) === 1, battery_mv: input.bytes[1] * 20, temperature: input.bytes[2] - 50 } };
}
function normalizeUplink(input) {
  return { data: { battery: input.data.battery_mv / 1000 } };
}
"""
DISTANCE = """
exports.decodeUplink = (input) => {
  const bytes = Buffer.from(input.bytes);
  return { data: { distance: `${bytes.readUInt16BE(0)} mm`, time: input.recvTime } };
};
"""
OCCUPIED = {"occupied": True, "battery_mv": 3600, "temperature": 21}
VACANT = {"occupied": False, "battery_mv": 3600, "temperature": 20}


def write(root: Path, files: dict[str, str]) -> Path:
    """Write these files, and return the folder."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return root


def the_things_network(root: Path) -> Path:
    return write(
        root,
        {
            "LICENSE": "The Licence of Nobody\n\nCopyright 2026\n",
            "vendor/index.yaml": "vendors:\n  - id: acme\n    name: Acme Parking\n",
            "vendor/acme/index.yaml": "endDevices:\n  - bay-x1\n",
            "vendor/acme/bay-x1.yaml": """
                name: Bay X1
                description: A parking sensor
                firmwareVersions:
                  - version: '1.0'
                    profiles:
                      EU863-870: { id: profile, codec: bay-codec }
                sensors: [magnetometer]
                """,
            "vendor/acme/bay-codec.yaml": """
                uplinkDecoder:
                  fileName: bay.js
                  examples:
                    - description: a car
                      input: { fPort: 1, bytes: [0x01, 180, 71] }
                      output: { data: { occupied: true, battery_mv: 3600, temperature: 21 } }
                      normalizedOutput: { data: { battery: 3.6 } }
                    - description: no car
                      input: { fPort: 1, bytes: [0, 180, 70] }
                      output: { data: { occupied: false, battery_mv: 3600, temperature: 20 }, warnings: [] }
                    - description: another port
                      input: { fPort: 9, bytes: [0] }
                      output: { errors: ['unknown port'] }
                """,
            "vendor/acme/bay.js": SCRIPT,
        },
    )


def chirpstack(root: Path) -> Path:
    tests = """
        [
          // a comment, and hexadecimal numbers
          { "name": "a car", "input": { "fPort": 0x01, "bytes": [0x01, 180, 71] }, "expected": { "data": %s } },
          { "name": "no car", "input": { "fPort": 1, "bytes": [0, 180, 70] }, "expected": { "data": %s } },
        ]
        """
    return write(
        root,
        {
            "vendors/acme/vendor.toml": '[vendor]\nname = "Acme Parking"\n',
            "vendors/acme/devices/bay-x1.toml": """
                [device]
                name = "Bay X1"
                description = "A parking sensor"
                [[device.firmware]]
                version = "1.0"
                codec = "bay.js"
                """,
            "vendors/acme/codecs/bay.js": SCRIPT,
            "vendors/acme/codecs/test_decode_bay.json": tests % (json.dumps(OCCUPIED), json.dumps(VACANT)),
        },
    )


def actility(root: Path) -> Path:
    sonar = "vendors/acme/drivers/sonar"
    return write(
        root,
        {
            "vendors/acme/vendor.yaml": "name: Acme Parking\n",
            "vendors/acme/models/sonar-2/model.yaml": "name: Sonar 2\nprotocolId: acme:sonar:1\n",
            f"{sonar}/driver.yaml": "protocolId: acme:sonar:1\nsignature: lora-alliance\n",
            f"{sonar}/package.json": '{"main": "index.js"}',
            f"{sonar}/index.js": DISTANCE,
            f"{sonar}/examples.json": examples(
                {"bytes": "0708", "fPort": 2, "recvTime": "2026-01-01T00:00:00.123456Z"},
                {"data": {"distance": "1800 mm", "time": "2026-01-01T00:00:00.123456Z"}},
            ),
            "vendors/acme/drivers/old/driver.yaml": "protocolId: acme:old:1\nsignature: ttn\n",
            "vendors/acme/drivers/old/lib.js": "exports.first = (bytes) => bytes[0] === 1;",
            "vendors/acme/drivers/old/main.js": """
                const { first } = require("./lib.js");
                function Decoder(bytes, port) { return { occupied: first(bytes), port: port }; }
                """,
            "vendors/acme/drivers/old/examples.json": examples(
                {"bytes": "01", "fPort": 3}, {"occupied": True, "port": 3}
            ),
        },
    )


def examples(given: dict[str, Any], output: Any) -> str:
    return json.dumps(
        [
            {"type": "uplink", "description": "an uplink", "input": given, "output": output},
            {"type": "downlink-encode", "description": "a downlink", "input": {"data": {}}, "output": {}},
        ]
    )
