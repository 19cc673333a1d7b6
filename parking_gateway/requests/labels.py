"""The label of a device in a request: its DevEUI, and the codecs that fit."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from parking_gateway.core.events import DeviceIdentity
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.decoding import codecs
from parking_gateway.register import cells
from parking_gateway.register.label import BadLabel, read
from parking_gateway.register.labelled import Labelled, labelled
from parking_gateway.requests.desk import Code, Desk, Refusal
from parking_gateway.store import fleet, installations


async def label_of(
    desk: Desk, text: str, *, dev_eui: str | None, codec: str | None, options: Mapping[str, Any] | None
) -> Labelled | Refusal:
    """Read the label of a device that is to be installed. A codec is chosen if one alone fits the model, and nobody chose another."""
    try:
        label = read(text)
    except BadLabel as mistake:
        return Refusal(Code.INVALID, f"qr: {mistake}")
    try:
        named = cells.dev_eui(dev_eui or "")
    except ValueError as refusal:
        return Refusal(Code.INVALID, f"dev_eui {refusal}")
    if named not in (None, label.dev_eui):
        return Refusal(
            Code.INVALID, f"The label is of the device {label.dev_eui}, and dev_eui is {named}: leave one of them out"
        )
    # The first look imports all codecs, which takes a tenth of a second.
    known = await asyncio.to_thread(codecs.modules)
    heard, installed = await desk.connection.together(
        fleet.identities([label.dev_eui]), installations.of_devices([label.dev_eui])
    )
    device = heard[0] if heard else DeviceIdentity(dev_eui=label.dev_eui)
    found = labelled(label, known, profile=device.profile)
    nowhere = Installation(dev_eui=label.dev_eui, space=SpaceId(0))
    has_choice = any(desk.decoder.choice(device, one) is not None for one in installed or [nowhere])
    if codec is not None or has_choice or found.only is None:
        return found
    given = options or {}
    (fitting,) = (one for one in known if one.name == found.only)
    if any(option.required and option.name not in given for option in fitting.options):
        return found
    return msgspec.structs.replace(found, chosen=found.only)
