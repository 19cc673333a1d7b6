"""The targets of fuzzing by their names: the codecs of each family, the declared path, and ChirpStack's events."""

from collections.abc import Mapping
from typing import Final

from fuzz.codec_frames import families, target_of
from fuzz.declared_frames import DECLARATIONS, FRAMES
from fuzz.events import EVENT_MESSAGES
from fuzz.target import FuzzTarget

TARGETS: Final[Mapping[str, FuzzTarget]] = {
    **{family: target_of(family) for family in families()},
    "declared": FRAMES,
    "declarations": DECLARATIONS,
    "events": EVENT_MESSAGES,
}
