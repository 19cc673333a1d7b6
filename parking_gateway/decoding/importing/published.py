"""The content of a checkout: the published codecs, their examples, and the repository that they are from."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

import msgspec

DECODE: Final = "decodeUplink"
NORMALIZE: Final = "normalizeUplink"


class NotUsable(ValueError):  # noqa: N818 - the word of the sentence that it becomes
    """A checkout, or a codec in it, cannot be used. The message says what is wrong, where, and what to do."""


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An uplink and its published output."""

    name: str
    function: str = DECODE
    """The function of the script that gives the output."""
    input: Mapping[str, Any]
    """The argument of the function, `recvTime` as text."""
    output: Any
    """The published value, as JSON has it."""
    is_dated: bool = True
    """Whether `recvTime` is a Date for the script, as TS013 has it. Actility's examples were made with a text."""
    context: Any = None
    """The memory of earlier frames, which some scripts of Actility read from a global variable."""

    @property
    def port(self) -> int | None:
        """Return the port of the frame. Some examples have none."""
        port = self.input.get("fPort")
        return port if isinstance(port, int) and not isinstance(port, bool) else None

    @property
    def payload(self) -> bytes | None:
        """Return the bytes of the frame. None: they are no bytes."""
        try:
            return bytes(self.input.get("bytes") or ())
        except (TypeError, ValueError):
            return None

    @property
    def data(self) -> Mapping[str, Any]:
        """Return the decoded data of the published output; nothing for an error."""
        data = self.output.get("data") if isinstance(self.output, dict) else None
        return data if isinstance(data, dict) else {}


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A codec of a checkout: a script, and the devices that it reads."""

    vendor: str
    """The id of the vendor, which is a name of a folder."""
    vendor_name: str
    models: Mapping[str, str]
    """The titles of its devices by their ids."""
    words: str = ""
    """What the repository says of its devices: descriptions, sensors, categories."""
    script: str
    """The path of its script in the checkout."""
    text: str
    """The script, complete: with the files that it requires."""
    examples: tuple[Example, ...]

    @property
    def name(self) -> str:
        """Return the name that a person types: the vendor and its first device."""
        return f"{self.vendor}/{next(iter(self.models), self.script)}"

    @property
    def stem(self) -> str:
        """Return the name of its script, or of its folder if every script has the same name."""
        path = PurePosixPath(self.script)
        return path.parent.name if path.stem in {"index", "main"} else path.stem


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read. All others are."""

    file: str
    why: str


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """All of a checkout."""

    repository: str
    """Its name, such as `chirpstack/chirpstack-device-profiles`."""
    short: str
    """One word for it, which can be a part of a codec's name."""
    commit: str | None
    licence: str
    codecs: tuple[Published, ...]
    mistakes: tuple[Mistake, ...] = ()
