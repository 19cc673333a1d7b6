"""Announcements: what another system has to know about the car park before it can show its states. Pure."""

import msgspec


class AnnouncedSpace(msgspec.Struct, frozen=True):
    """A space, and the device that watches it."""

    space: str
    dev_eui: str | None


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the other system: one space, or a zone with all of its spaces."""

    site: str
    zone: str
    space: str | None
    """None: it is a zone."""
    spaces: tuple[AnnouncedSpace, ...]
    """In the order of their names. Of a space, it alone."""
    digest: str
    """Of all that it is rendered from."""
