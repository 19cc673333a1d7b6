"""Verbs that install devices and take them away."""

from typing import Annotated

import msgspec

from parking_gateway.core.committed import Committed, together
from parking_gateway.core.installation import ENDLESS, Installation
from parking_gateway.register import cells
from parking_gateway.register.entries import Assignment, Record, Sheet, entry_of
from parking_gateway.register.label import LONGEST
from parking_gateway.register.labelled import Labelled
from parking_gateway.register.observing import observe
from parking_gateway.register.registering import Entered, enter
from parking_gateway.register.removing import unassign
from parking_gateway.register.toml_files import text_of_value
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.labels import label_of
from parking_gateway.requests.places import Name, OfSpace, named_places
from parking_gateway.requests.verbs import verb
from parking_gateway.store import assignments, car_park

Device = Annotated[str, msgspec.Meta(max_length=40, description="16 hexadecimal digits.")]
Observe = Annotated[
    int | bool,
    msgspec.Meta(
        description="For how many uplinks the device changes nothing of its space. true: until a person ends it."
    ),
]


class DeviceAssign(OfSpace, frozen=True, kw_only=True):
    """Install a device in a space. What is left out stays as in its earlier installation."""

    dev_eui: Annotated[Device, msgspec.Meta(description="16 hexadecimal digits. Left out: as in `qr`.")] | None = None
    qr: (
        Annotated[str, msgspec.Meta(max_length=LONGEST, description="The text of the QR code on the device.")] | None
    ) = None
    channel: int = 0
    codec: Name | None = None
    options: dict[str, str | int | float | bool] | None = None
    lost_after: int | None = None
    observe: Observe | None = None
    also: Annotated[bool, msgspec.Meta(description="True: the space keeps the sensors that it has.")] = False


class DeviceObserve(msgspec.Struct, frozen=True, kw_only=True):
    """Observe a device that is installed, or end that."""

    dev_eui: Device
    channel: Annotated[int, msgspec.Meta(description="Which of its sensors; left out: all.")] | None = None
    observe: Observe = True


class DeviceUnassign(msgspec.Struct, frozen=True, kw_only=True):
    """Take a device away from its space. The space is not live any more."""

    dev_eui: Device


@verb("device/assign", DeviceAssign)
async def device_assign(desk: Desk, asked: DeviceAssign) -> Answer | Refusal:
    """Install a device in a space, which takes over the stored uplinks of the device."""
    found = await named_places(desk, asked)
    if isinstance(found, Refusal):
        return found
    if asked.dev_eui is None and asked.qr is None:
        return Refusal(Code.INVALID, "dev_eui and qr are missing: one of them has to name the device")
    dev_eui, codec = asked.dev_eui, asked.codec
    labelled: Labelled | None = None
    if asked.qr is not None:
        read = await label_of(desk, asked.qr, dev_eui=dev_eui, codec=codec, options=asked.options)
        if isinstance(read, Refusal):
            return read
        labelled, dev_eui, codec = read, read.label.dev_eui, codec or read.chosen
    given = {"dev_eui": dev_eui, "channel": asked.channel, "codec": codec, "options": asked.options}
    given |= {"lost_after": asked.lost_after, "observe": asked.observe}
    given |= {"site": asked.site, "zone": asked.zone, "space": asked.space}
    record = Record(cells={key: text_of_value(value) for key, value in given.items() if value is not None})
    entry, mistakes = entry_of(record, desk.decoder)
    if entry is None or entry.assignment is None:
        return Refusal(Code.INVALID, "; ".join(map(str, mistakes)) or "dev_eui is empty: it must name a device")
    sheet = Sheet(entries=(msgspec.structs.replace(entry, is_further=asked.also),))
    made = await enter(desk.connection, sheet, decoder=desk.decoder, now=desk.now, by=desk.by)
    if not isinstance(made, Entered):
        return Refusal(Code.INVALID, "; ".join(map(str, made)))
    if labelled is not None:
        made.outcome.label = labelled
    return Answer(made.outcome, together(made.committed, await _observed_anew(desk, entry.assignment)))


@verb("device/unassign", DeviceUnassign)
async def device_unassign(desk: Desk, asked: DeviceUnassign) -> Answer | Refusal:
    """Take a device away from its space. The space is not live any more, and the device is unassigned."""
    installed = await _installed(desk, asked.dev_eui)
    if isinstance(installed, Refusal):
        return installed
    (named,) = await desk.connection.together(car_park.space_names(one.space for one in installed))
    committed = await unassign(desk.connection, installed, now=desk.now, by=desk.by)
    return Answer({"spaces": sorted("/".join(one) for one in named.values())}, committed)


@verb("device/observe", DeviceObserve)
async def device_observe(desk: Desk, asked: DeviceObserve) -> Answer | Refusal:
    """Observe a device that is installed: its uplinks are recorded and published, and change nothing of its space. false ends it."""
    try:
        uplinks = cells.observe(text_of_value(asked.observe))
    except ValueError as refusal:
        return Refusal(Code.INVALID, f"observe {refusal}")
    installed = await _installed(desk, asked.dev_eui, channel=asked.channel)
    if isinstance(installed, Refusal):
        return installed
    (named,) = await desk.connection.together(car_park.space_names(one.space for one in installed))
    committed = await observe(desk.connection, installed, uplinks, now=desk.now, by=desk.by)
    spaces = sorted("/".join(one) for one in named.values())
    return Answer({"spaces": spaces, "observe": True if uplinks == ENDLESS else uplinks}, committed)


async def _observed_anew(desk: Desk, wanted: Assignment) -> Committed:
    """Observe a device again whose installation had this wish before. A file does not, because it is read again and again."""
    if wanted.observe is None or "observe" in wanted.kept:
        return Committed()
    (found,) = await desk.connection.together(assignments.of_device(wanted.dev_eui))
    over = [one for one in found if one.channel == wanted.channel and one.observe_left is None]
    return await observe(desk.connection, over, wanted.observe, now=desk.now, by=desk.by) if over else Committed()


async def _installed(desk: Desk, name: str, *, channel: int | None = None) -> list[Installation] | Refusal:
    """The installations of the device, of that channel if one is given. The register is locked from now on."""
    try:
        dev_eui = cells.dev_eui(name)
    except ValueError as refusal:
        return Refusal(Code.INVALID, f"dev_eui {refusal}")
    if dev_eui is None:
        return Refusal(Code.INVALID, "dev_eui is empty: it must name a device")
    await desk.connection.together(car_park.lock_register())
    (found,) = await desk.connection.together(assignments.of_device(dev_eui))
    installed = [one for one in found if channel in (None, one.channel)]
    if installed:
        return installed
    which = f"The device {dev_eui}" if channel is None or not found else f"Channel {channel} of the device {dev_eui}"
    return Refusal(Code.NOT_FOUND, f"{which} watches no space: `parking-gateway devices list` lists all")
