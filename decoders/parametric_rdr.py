"""Parametric RDR: reader of NFC and RFID tags.

It reads a tag that is held to it. It sees no vehicle, and it has no totals: a buffered or lost uplink would make any sum of
its records wrong. Its frames are accepted as telemetry without occupancy, so that a reader at a barrier is a device like the
others.

    port  bytes  message
    5     23-    be 05 00, 3-6 time of the frame, uint32, 7 number of records (1 to 9), 8 records still in the buffer, 9- the records

    record  value
    0-3     time of the scan, uint32
    4-11    serial number of the tag
    12-     length of its file, the file, 0c

Numbers are big-endian. Two sources disagree about a record: the manual has a file of `length` bytes and then 0c, and the
published example, `be0500 5f9beb2c 01 00 5f9beb2c 9eaf5126002302e0 01 0c`, has the length 1 and no file. So records are not
read; a frame has at least 14 bytes for each of them, and ends with 0c. The times are those of a clock that nothing sets; the
published decoder replaces them by the time of receipt, and so does this one.

Calibration: none. Downlinks: none are published here.

Source: docs.parametric-analytics.com rdr/manuals/lora_payload (firmware 1.3); TheThingsNetwork/lorawan-devices
vendor/parametric rdr-decoder.js. The example in rdr-codec.yaml beside it has the port 190, which the decoder refuses.
"""

from typing import Final

from decoders import Device, Frame, Reading, Undecodable
from decoders._refusals import unfit

DEVICE: Final = Device(vendor="Parametric", model="RDR", ports=(5,))

_HEAD, _RECORD, _MOST = 9, 14, 9


def decode(frame: Frame) -> Reading:
    """Read one frame of an RDR."""
    payload = frame.payload
    if frame.port not in DEVICE.ports or len(payload) < _HEAD + _RECORD:
        raise unfit(frame, DEVICE)
    if not payload.startswith(b"\xbe\x05\x00"):
        raise Undecodable(f"bytes 0 to 2: a frame begins with be 05 00, not {payload[:3].hex(' ')}")
    count = payload[7]
    if not 1 <= count <= _MOST:
        raise Undecodable(f"byte 7: a frame has 1 to {_MOST} records, not {count}")
    if len(payload) < _HEAD + count * _RECORD:
        raise Undecodable(f"{count} records have at least {count * _RECORD} bytes, not {len(payload) - _HEAD}")
    if payload[-1] != 0x0C:
        raise Undecodable(f"byte {len(payload) - 1}: a record ends with 0c, not {payload[-1]:02x}")
    return Reading()
