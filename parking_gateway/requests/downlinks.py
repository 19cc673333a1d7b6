"""Verbs about downlinks and indicators."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import uuid4

import msgspec

from parking_gateway.core import line
from parking_gateway.core.downlink import BYTES, Downlink
from parking_gateway.core.events import DevEui, DeviceIdentity
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Choice
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.places import OfSite, OfSpace, OfZone, Place, spaces_of
from parking_gateway.requests.verbs import verb
from parking_gateway.store import downlinks, fleet, indicators, installations

_LONGEST = 222
"""Bytes: the longest payload of LoRaWAN in any region."""
Device = Annotated[str, msgspec.Meta(pattern="^[0-9A-Fa-f]{16}$", description="A DevEUI, 16 hexadecimal digits.")]
Hex = Annotated[
    str, msgspec.Meta(pattern="^([0-9A-Fa-f]{2})*$", max_length=2 * _LONGEST, description="Two digits a byte.")
]
FPort = Annotated[int, msgspec.Meta(ge=1, le=223)]
Spaces = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
PlaceName = Annotated[
    str,
    msgspec.Meta(
        pattern="^[^+#/]+(/[^+#/]+){0,2}$", max_length=602, description="`site`, `site/zone` or `site/zone/space`."
    ),
]


class DeviceDownlink(msgspec.Struct, frozen=True, kw_only=True):
    """Send a downlink to a device: bytes and their port, or a command of its codec."""

    dev_eui: Device
    bytes: Hex | None = None
    f_port: FPort | None = None
    command: str | None = None
    options: dict[str, str | int | float | bool] = {}
    """Of the command."""
    codec: str | None = None
    """The codec that has the command; else that of the installation, the tag or the profile."""
    confirmed: bool = True
    """Whether the device has to acknowledge it. Without, nobody knows whether the device has received it."""


class IndicatorSet(msgspec.Struct, frozen=True, kw_only=True):
    """Make a device an indicator of places. It replaces what the device has shown before."""

    dev_eui: Device
    model: str
    """`busylight`, or a model of `downlinks.models`."""
    places: Annotated[list[PlaceName], msgspec.Meta(min_length=1, max_length=1000)]
    buffer: Spaces = 0
    """Free spaces that it does not show."""
    hysteresis: Spaces = 0
    """Free spaces beside the buffer that it needs after "full", before it shows a number again."""


class IndicatorRemove(msgspec.Struct, frozen=True, kw_only=True):
    """Let a device be no indicator any more."""

    dev_eui: Device


class IndicatorList(msgspec.Struct, frozen=True, kw_only=True):
    """List all indicators."""


@verb("device/downlink", DeviceDownlink)
async def downlink(desk: Desk, asked: DeviceDownlink) -> Answer | Refusal:
    """Queue a downlink. The topic of the device shows what becomes of it."""
    dev_eui = DevEui(asked.dev_eui.lower())
    content = await _content(desk, dev_eui, asked)
    if isinstance(content, Refusal):
        return content
    purpose, f_port, data = content
    expires_at = desk.now + desk.downlinks.command_expiry
    new = Downlink(
        id=uuid4(),
        dev_eui=dev_eui,
        purpose=purpose,
        f_port=f_port,
        data=data,
        is_confirmed=asked.confirmed,
        by=desk.by,
        wished_at=desk.now,
        answer_within=desk.downlinks.command_expiry,
        expires_at=expires_at,
        next_at=desk.now,
    )
    _, before = await desk.connection.together(downlinks.lock([dev_eui]), downlinks.of_devices([dev_eui], now=desk.now))
    lines = line.lines_of(before)
    after = line.wished(lines.get(new.line, {}), new)
    lines[new.line] = dict(after)
    await desk.connection.together(*downlinks.save(before, [one for each in lines.values() for one in each.values()]))
    queued = line.newest(after)
    return Answer(
        {
            "id": str(queued.id),
            "purpose": queued.purpose,
            "f_port": queued.f_port,
            "bytes": queued.data.hex(),
            "expires_at": queued.expires_at,
        }
    )


@verb("indicator/set", IndicatorSet)
async def set_(desk: Desk, asked: IndicatorSet) -> Answer | Refusal:
    """Make a device an indicator of places. It shows them as soon as the network has sent its downlink."""
    models = desk.downlinks.all_models
    if asked.model not in models:
        return Refusal(Code.NOT_FOUND, f"There is no model {asked.model}: there are {', '.join(sorted(models))}")
    found: list[Mapping[str, int]] = []
    for name in dict.fromkeys(asked.places):
        place = await _place(desk, name.split("/"))
        if isinstance(place, Refusal):
            return place
        found.append(place)
    await desk.connection.together(
        downlinks.lock_round(),
        *indicators.add(
            DevEui(asked.dev_eui.lower()),
            model=asked.model,
            buffer=asked.buffer,
            hysteresis=asked.hysteresis,
            places=found,
        ),
    )
    return Answer({"places": len(found)})


@verb("indicator/remove", IndicatorRemove)
async def remove(desk: Desk, asked: IndicatorRemove) -> Answer | Refusal:
    """Let a device be no indicator any more. It keeps its last picture."""
    dev_eui = DevEui(asked.dev_eui.lower())
    _, _, was, *_forgotten = await desk.connection.together(
        downlinks.lock_round(), downlinks.lock([dev_eui]), indicators.remove(dev_eui), *downlinks.forget_shown(dev_eui)
    )
    if not was:
        return Refusal(Code.NOT_FOUND, f"The device {dev_eui} is no indicator: `indicator/list` has all")
    return Answer()


@verb("indicator/list", IndicatorList)
async def list_(desk: Desk, _: IndicatorList) -> Answer | Refusal:
    """Return all indicators, with their places and how far their last downlinks have come."""
    (found,) = await desk.connection.together(indicators.listed())
    return Answer({"indicators": [msgspec.structs.asdict(one) for one in found]})


async def _content(desk: Desk, dev_eui: DevEui, asked: DeviceDownlink) -> tuple[str, int, bytes] | Refusal:
    """Purpose, port and bytes of a downlink."""
    (known,) = await desk.connection.together(downlinks.applications([dev_eui]))
    if not known:
        return Refusal(Code.NOT_FOUND, f"No event of the device {dev_eui} has come yet: it cannot get a downlink")
    if asked.command is not None and asked.bytes is None and asked.f_port is None:
        return await _content_of_command(desk, dev_eui, asked.command, asked)
    if asked.command is None and asked.bytes and asked.f_port is not None:
        return BYTES, asked.f_port, bytes.fromhex(asked.bytes)
    return Refusal(Code.INVALID, "A downlink needs either a command, or bytes and their f_port")


async def _content_of_command(
    desk: Desk, dev_eui: DevEui, command: str, asked: DeviceDownlink
) -> tuple[str, int, bytes] | Refusal:
    name = asked.codec or await _codec_of(desk, dev_eui)
    if name is None:
        return Refusal(Code.INVALID, f"No codec is chosen for {dev_eui}: name the codec that has the command")
    if desk.decoder.guest_of(Choice(codec=name)) is not None:
        return Refusal(Code.INVALID, f"The codec {name} is not one of the gateway's own, and those alone have commands")
    texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in asked.options.items()}
    command = command.strip().lower().replace("-", "_")
    try:
        return command, *codecs.downlink_of(codecs.find(name), command, texts)
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return Refusal(Code.INVALID, str(mistake))


async def _codec_of(desk: Desk, dev_eui: DevEui) -> str | None:
    """The codec that reads the device."""
    known, installed = await desk.connection.together(fleet.identities([dev_eui]), installations.of_devices([dev_eui]))
    device = known[0] if known else DeviceIdentity(dev_eui=dev_eui)
    installation = installed[0] if installed else Installation(dev_eui=dev_eui, space=SpaceId(0))
    choice = desk.decoder.choice(device, installation)
    return choice.codec if choice else None


async def _place(desk: Desk, names: Sequence[str]) -> Mapping[str, int] | Refusal:
    """The id of the place of these names, by its column."""
    place: Place = (OfSite, OfZone, OfSpace)[len(names) - 1](
        **dict(zip(("site", "zone", "space"), names, strict=False))
    )
    found = await spaces_of(desk, place)
    if isinstance(found, Refusal):
        return found
    (ids,) = await desk.connection.together(indicators.place_id(names))
    return ids
