"""Which codecs fit a device with a label. Pure."""

import re
from collections.abc import Iterable, Iterator

import msgspec

from parking_gateway.decoding.codecs import Codec
from parking_gateway.register.label import Label


class Labelled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a label says about a device, and the codecs that fit it."""

    label: Label
    codecs: list[str] = []
    """Those of the model, where the label names one that is known; else all of the vendor."""
    is_model_known: bool = False
    chosen: str | None = None
    """The codec that the installation got because of the label."""

    @property
    def only(self) -> str | None:
        """The codec that fits, if the model is known and no other fits too."""
        return self.codecs[0] if self.is_model_known and len(self.codecs) == 1 else None


def labelled(label: Label, known: Iterable[Codec]) -> Labelled:
    """Find the codecs that fit."""
    of_vendor = [one for one in known if label.vendor in (None, one.device.vendor)]
    lengths = {one.name: length for one in of_vendor if (length := _match(label, one))}
    if lengths:
        # The longest name of a model is the most exact one.
        fitting = sorted(name for name, length in lengths.items() if length == max(lengths.values()))
        return Labelled(label=label, codecs=fitting, is_model_known=True)
    return Labelled(label=label, codecs=sorted(one.name for one in of_vendor) if label.vendor else [])


def _match(label: Label, codec: Codec) -> int:
    """The length of the longest name of a model with which the model of the label begins; 0: none."""
    wanted = _plain(label.model or "")
    return max((len(name) for name in _models(codec) if wanted.startswith(name)), default=0)


def _models(codec: Codec) -> Iterator[str]:
    yield from filter(None, map(_plain, codec.device.model.split(",")))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
