"""The text of a QR code on a device: its DevEUI, and what else the label says about the vendor and the model. Pure.

Formats:

    LW:D0:<JoinEUI>:<DevEUI>:<ProfileID>[:O…][:S…][:P…][:C<CRC>]   LoRa Alliance TR005
    URN:LW:DP:…, URN:DEV:LW:…                                      its drafts 2 and 3
    URN:LWDP:<JoinEUI>:<DevEUI>:<product>:<token>                  Browan and Gemtek
    https://…?…                                                    a web address with the DevEUI, as of Milesight
    {"devEUI": …}, DevEUI=…, DevEUI: …                             JSON, and names with values
    <DevEUI>                                                       Dragino, alone or with a serial number or a key
    <DevEUI>:<JoinEUI>                                             TEKTELIC

A label may hold keys, so no message repeats the text.

Sources: TR005 LoRaWAN Device Identification QR Codes, 1.0, with its example; TheThingsNetwork/lorawan-stack
pkg/qrcodegenerator for the drafts and for a DevEUI alone, and its issue 5953 for TEKTELIC's. The checksum of TR005 is
CRC-16/MODBUS: it is the only common one that gives the AF2C of the published example.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.register.vendors import VENDOR_IDS, vendor_of

LONGEST: Final = 1000
"""Characters. A QR code that a telephone reads has a few hundred."""
EUI_DIGITS: Final = 16
_DEV_EUI_NAMES: Final = ("deveui", "deviceeui", "eui")
_MODEL_NAMES: Final = ("model", "pn", "partnumber", "product", "productmodel", "type")
_SERIAL_NAMES: Final = ("sn", "serial", "serialnumber")
_FIELDS: Final = {"O": "owner token", "S": "serial number", "P": "proprietary field", "C": "checksum"}
_HELP: Final = "scan the code again, or type the DevEUI that is printed on the label"


class BadLabel(ValueError):  # noqa: N818 - the input is wrong, and nothing has failed
    """The text is not that of a device's label. The message says what is wrong, where, and what to do."""


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a label says."""

    format: str
    dev_eui: DevEui
    join_eui: str | None = None
    vendor: str | None = None
    """As the codecs name it. None: neither a profile nor the DevEUI names one that is published."""
    profile_id: str | None = None
    """8 hexadecimal digits: the vendor's id at the LoRa Alliance, and the vendor's own number of the device."""
    model: str | None = None
    """As the label writes it."""
    serial: str | None = None


def read(text: str) -> Label:
    """Read the text of a QR code. Raises `BadLabel`."""
    found = text.strip().removeprefix("\ufeff")
    if not found:
        raise BadLabel(f"The text of the QR code is empty: {_HELP}")
    if len(found) > LONGEST:
        raise BadLabel(f"The text of the QR code has {len(found):,} characters, and no label has more than {LONGEST:,}")
    for begins, reader in _READERS.items():
        if re.match(begins, found, re.IGNORECASE | re.DOTALL):
            return reader(found)
    return _of_digits(found)


def checksum(text: str) -> str:
    """Return the checksum of TR005, CRC-16/MODBUS of the characters before `:C`, as four digits."""
    register = 0xFFFF
    for byte in text.encode(errors="surrogatepass"):
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ 0xA001 if register & 1 else register >> 1
    return f"{register:04X}"


def _of_tr005(text: str) -> Label:
    parts = text.split(":")
    euis = _mandatory(parts[2:], "JoinEUI", "DevEUI", "ProfileID")
    extra: dict[str, str] = {}
    for number, part in enumerate(parts[5:], start=6):
        letter, value = part[:1].upper(), part[1:]
        if value and extra.setdefault(letter, value) != value:
            raise BadLabel(f"Field {number} of the label is a second {_FIELDS.get(letter, letter)}: {_HELP}")
    if "C" in extra:
        _check(text, extra["C"])
    return _with_profile("TR005", *euis, serial=extra.get("S"))


def _check(text: str, given: str) -> None:
    if not re.fullmatch(r"[0-9A-Fa-f]{4}", given):
        raise BadLabel(f"The checksum of the label has to be 4 hexadecimal digits: {_HELP}")
    at = re.search(rf":[Cc]{given}(?=:|$)", text)
    end = at.start() if at else len(text)
    # TR005 puts the checksum last. If it stands elsewhere, it may be of all other fields too.
    whole = text[:end] + (text[at.end() :] if at else "")
    if given.upper() not in {checksum(text[:end]), checksum(whole)}:
        raise BadLabel(f"The checksum of the label does not fit, so at least one character was read wrongly: {_HELP}")


def _of_draft_2(text: str) -> Label:
    parts = text.split(":")[3:]
    serial = re.search(r"%S([^%]+)", parts[-1])
    return _with_profile(
        "TR005 draft 2", *_mandatory(parts, "JoinEUI", "DevEUI", "ProfileID"), serial=serial and serial[1]
    )


def _of_draft_3(text: str) -> Label:
    parts = text.split(":", 3)[3].split("_")
    serial = next((part[1:] for part in parts[3:] if part[:1].upper() == "S" and part[1:]), None)
    return _with_profile("TR005 draft 3", *_mandatory(parts, "JoinEUI", "DevEUI", "ProfileID"), serial=serial)


def _mandatory(parts: Sequence[str], *names: str) -> Sequence[str]:
    """The first parts, which have these names."""
    if len(parts) < len(names):
        raise BadLabel(f"The label ends before its {names[len(parts)]}: {_HELP}")
    return parts[: len(names)]


def _with_profile(form: str, join_eui: str, dev_eui: str, profile_id: str, *, serial: str | None) -> Label:
    device = _eui(dev_eui, "DevEUI")
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", profile_id):
        raise BadLabel(
            f"The ProfileID of the label has to be 8 hexadecimal digits, not {len(profile_id)} characters: {_HELP}"
        )
    vendor = VENDOR_IDS.get(int(profile_id[:4], 16))
    return Label(
        format=form,
        dev_eui=device,
        join_eui=_eui(join_eui, "JoinEUI"),
        vendor=vendor or vendor_of(device),
        profile_id=profile_id.upper(),
        serial=serial,
    )


def _of_browan(text: str) -> Label:
    join_eui, dev_eui, model = _mandatory(text.split(":")[2:], "JoinEUI", "DevEUI", "product")
    device = _eui(dev_eui, "DevEUI")
    return Label(
        format="URN:LWDP",
        dev_eui=device,
        join_eui=_eui(join_eui, "JoinEUI"),
        vendor=vendor_of(device),
        model=model or None,
    )


def _of_address(text: str) -> Label:
    try:
        address = urlsplit(text)
    except ValueError:
        raise BadLabel(f"The text begins as a web address and is none: {_HELP}") from None
    # The fragment too, because pages that run in a browser have their parameters there.
    path, _, query = address.fragment.partition("?")
    named = dict(parse_qsl(address.query) + parse_qsl(query or path))
    places = [*address.path.split("/"), *path.split("/")]
    found = next((place for place in places if _is_eui(place) and vendor_of(_digits(place))), None)
    return _of_names(named, "web address", found=found)


def _of_json(text: str) -> Label:
    try:
        document = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadLabel(f"The text begins as JSON and is not JSON: {_HELP}") from None
    inner = [value for value in document.values() if isinstance(value, dict)] if isinstance(document, dict) else []
    named = {str(name): value for one in [*inner, document] if isinstance(one, dict) for name, value in one.items()}
    return _of_names(named, "JSON")


def _of_values(text: str) -> Label:
    pairs = re.findall(r"([A-Za-z][A-Za-z _-]*?)\s*[=:]\s*([^\s,;&|]+)", text)
    return _of_names(dict(pairs), "names with values")


def _of_names(named: Mapping[str, Any], form: str, *, found: str | None = None) -> Label:
    plain = {re.sub(r"[^a-z]", "", name.lower()): str(value).strip() for name, value in named.items()}
    text = next((plain[name] for name in _DEV_EUI_NAMES if plain.get(name)), found)
    serial = next((plain[name] for name in _SERIAL_NAMES if plain.get(name)), None)
    if text is None and serial is not None and _is_eui(serial) and vendor_of(_digits(serial)):
        text, serial = serial, None
    if text is None:
        what = "It has a serial number, which is another number. " if serial else ""
        raise BadLabel(f"The code ({form}) has no DevEUI. {what}Type the DevEUI that is printed on the label")
    device = _eui(text, "DevEUI")
    join = next((plain[name] for name in ("joineui", "appeui") if plain.get(name)), None)
    return Label(
        format=form,
        dev_eui=device,
        join_eui=_eui(join, "JoinEUI") if join else None,
        vendor=vendor_of(device),
        model=next((plain[name] for name in _MODEL_NAMES if plain.get(name)), None),
        serial=serial,
    )


def _of_digits(text: str) -> Label:
    if _is_eui(text):
        device = _eui(text, "DevEUI")
        return Label(format="DevEUI", dev_eui=device, vendor=vendor_of(device))
    euis = [part for part in re.split(r"[\s:;,|/]+", text) if re.fullmatch(r"[0-9A-Fa-f]{16}", part)]
    if not euis or re.match(r"(LW|URN):", text, re.IGNORECASE):
        raise BadLabel(
            "The text is no label that the gateway reads: that of TR005 begins with LW:D0:, and any other has a DevEUI, which is"
            f" 16 hexadecimal digits; {_HELP}"
        )
    is_pair = text == ":".join(euis[:2]) and vendor_of(euis[0].lower()) == "TEKTELIC"
    if len(euis) > 1 and not is_pair:
        raise BadLabel(
            f"The text has {len(euis)} EUIs, and nothing says which of them is the DevEUI: type the DevEUI that is printed on the"
            " label"
        )
    device = _eui(euis[0], "DevEUI")
    return Label(format="DevEUI and more", dev_eui=device, vendor=vendor_of(device))


def _eui(text: str, name: str) -> DevEui:
    digits = _digits(text)
    if len(digits) != EUI_DIGITS:
        raise BadLabel(f"The {name} of the label has {len(digits)} characters, and not 16 hexadecimal digits: {_HELP}")
    if wrong := re.search(r"[^0-9a-f]", digits):
        raise BadLabel(f"Character {wrong.start() + 1} of the label's {name} is no hexadecimal digit: {_HELP}")
    return DevEui(digits)


def _is_eui(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{16}", _digits(text)) is not None


def _digits(text: str) -> str:
    return re.sub(r"[\s:.-]", "", text).lower()


_READERS: Final[Mapping[str, Callable[[str], Label]]] = {
    r"LW:D0:": _of_tr005,
    r"URN:LW:DP:": _of_draft_2,
    r"URN:DEV:LW:": _of_draft_3,
    r"URN:LWDP:": _of_browan,
    r"https?://": _of_address,
    r"[\[{]": _of_json,
    r".*\b(dev|device)[ _-]?eui\s*[=:]": _of_values,
}
"""The reader of each format, by how its text begins."""
