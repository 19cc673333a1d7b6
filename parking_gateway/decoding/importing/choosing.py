"""Finds the codec of a device that a person names."""

import difflib

import msgspec

from parking_gateway.decoding.importing.published import Checkout, NotUsable, Published


def codec_of(checkout: Checkout, device: str) -> Published:
    """Return the codec of `vendor/model`, or of `vendor/script.js` where a device has several. Raises `NotUsable`."""
    vendor, slash, model = device.strip().lower().partition("/")
    of_vendor = [codec for codec in checkout.codecs if codec.vendor.lower() == vendor]
    if not slash or not of_vendor:
        vendors = sorted({codec.vendor for codec in checkout.codecs})
        raise NotUsable(f"{device!r} names no device: no vendor is {vendor!r}{_hint(vendor, vendors)}")
    by_model = [codec for codec in of_vendor if model in {name.lower() for name in codec.models}]
    found = by_model or [codec for codec in of_vendor if codec.stem.lower() == model.removesuffix(".js")]
    scripts = {codec.script: codec for codec in found}
    if not found:
        models = sorted({name for codec in of_vendor for name in codec.models})
        raise NotUsable(f"{device!r} names no device with a codec: {vendor} has no {model!r}{_hint(model, models)}")
    if len(scripts) > 1:
        names = ", ".join(f"{vendor}/{codec.stem}.js" for codec in scripts.values())
        raise NotUsable(f"{device} has {len(scripts)} scripts, of different firmware: choose one by its name: {names}")
    codec = found[-1]
    mine = {name: title for name, title in codec.models.items() if name.lower() == model} or codec.models
    examples = tuple(example for one in found for example in one.examples)
    return msgspec.structs.replace(codec, models=mine, examples=examples)


def _hint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or [one for one in known if name and name in one][:3]
    return f"; did you mean {' or '.join(near)}?" if near else "; `codecs import PATH --list` lists all"
