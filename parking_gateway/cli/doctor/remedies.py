"""The commands that mend the faults of a device. Pure."""

from collections.abc import Mapping
from shlex import join

from parking_gateway.core.installation import Installation
from parking_gateway.decoding.decoder import Choice
from parking_gateway.store.diagnosis import RefusedFrames
from parking_gateway.store.fleet import KnownDevice


def look(refused: RefusedFrames, choice: Choice | None) -> str:
    """The command that explains the last refused frame."""
    if choice is None or refused.data is None:
        return command("rejections", "list")
    options = as_options(choice.options)
    return command("decode", choice.codec, "--port", str(refused.f_port), *options, refused.data.hex())


def install(known: KnownDevice, installed: Installation, *more: str, dev_eui: str | None = None) -> str:
    """The command that installs the device where it is, or another one there, with these options."""
    verb = ["devices", "assign"] if known.space is not None else ["zones", "counter", "add"]
    kept = ["--direction", known.direction] if known.direction else []
    # Without its channel, the sensor would lose its space to the channel 0 of its device.
    kept += ["--channel", str(installed.channel)] if installed.channel else []
    return command(*verb, dev_eui or known.identity.dev_eui, place_of(known), *kept, *more)


def another(known: KnownDevice, installed: Installation) -> str:
    """The command that installs another device in its place. A counter has to be removed too, because a zone has several."""
    added = install(known, installed, dev_eui="DEV_EUI")
    if known.space is not None:
        return added
    channel = ["--channel", str(installed.channel)] if installed.channel else []
    return f"{added} and {command('zones', 'counter', 'remove', known.identity.dev_eui, *channel)}"


def as_options(options: Mapping[str, str]) -> list[str]:
    """As options of the command line."""
    return [word for name, value in sorted(options.items()) for word in ("--option", f"{name}={value}")]


def as_limit(installed: Installation) -> list[str]:
    """The limit of its silence as an option of the command line, if it has one."""
    return [] if installed.lost_after is None else ["--lost-after", str(installed.lost_after)]


def place_of(known: KnownDevice) -> str:
    """`site/zone/space`, or `site/zone` of a counter."""
    return "/".join(name for name in (known.site, known.zone, known.space) if name is not None)


def command(*words: str) -> str:
    """A command line that a shell reads as these words."""
    return join(["parking-gateway", *words])
