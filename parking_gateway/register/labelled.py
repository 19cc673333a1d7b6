"""Which codecs fit a device with a label. Pure."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

import msgspec

from parking_gateway.decoding.codecs import Codec
from parking_gateway.register.label import Label


class ModelSource(StrEnum):
    """Where the model of a device was found."""

    LABEL = "label"
    PROFILE = "profile"


class Labelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a label says about a device, and the codecs that fit it."""

    label: Label
    codecs: list[str] = []
    """Those of the model, where one is known; else all of the vendor."""
    model_of: ModelSource | None = None
    """Where the model was found. None: only the vendor is known, or not even that."""
    chosen: str | None = None
    """The codec that the installation got because of the label."""

    @property
    def only(self) -> str | None:
        """The codec that fits, if the label names the model and no other codec fits too."""
        return self.codecs[0] if self.model_of is ModelSource.LABEL and len(self.codecs) == 1 else None


def labelled(label: Label, known: Iterable[Codec], *, profile: str = "") -> Labelled:
    """Find the codecs that fit. `profile` is the name of the device's profile in ChirpStack, which is often its model."""
    of_vendor = [one for one in known if label.vendor in (None, one.device.vendor)]
    for source, model in ((ModelSource.LABEL, label.model), (ModelSource.PROFILE, profile)):
        lengths = {one.name: length for one in of_vendor if (length := _match(model or "", one))}
        if lengths:
            # The longest name of a model is the most exact one.
            fitting = sorted(name for name, length in lengths.items() if length == max(lengths.values()))
            return Labelled(label=label, codecs=fitting, model_of=source)
    return Labelled(label=label, codecs=sorted(one.name for one in of_vendor) if label.vendor else [])


def _match(model: str, codec: Codec) -> int:
    """The length of the longest name of the codec's models with which this model begins; 0: none."""
    wanted = _plain(model).removeprefix(_plain(codec.device.vendor))
    return max((len(name) for name in _models(codec) if wanted.startswith(name)), default=0)


def _models(codec: Codec) -> Iterator[str]:
    yield from filter(None, map(_plain, codec.device.model.split(",")))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
