"""The changes from the present installations to the wanted ones. Pure."""

from collections.abc import Collection, Iterable

import msgspec

from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.register.entries import Assignment


class Plan(msgspec.Struct, kw_only=True):
    """Installations by their change."""

    created: list[Installation] = []
    changed: list[tuple[Installation, Installation]] = []
    """Before, and from now on."""
    unchanged: list[Installation] = []
    removed: list[tuple[Installation, DevEui]] = []
    """Installations of devices that lose their space to another device and get none, with the other device."""

    @property
    def installed(self) -> list[Installation]:
        """The created and the changed installations."""
        return [*self.created, *(after for _, after in self.changed)]

    @property
    def moved(self) -> list[tuple[Installation, Installation]]:
        """The changed installations whose device watches another space than before."""
        return [(before, after) for before, after in self.changed if before.space != after.space]

    @property
    def begun(self) -> set[DevEui]:
        """The devices of installations that were observed until now and are not any more."""
        return {
            after.dev_eui
            for before, after in self.changed
            if before.observe_left is not None and after.observe_left is None
        }

    @property
    def touched(self) -> set[SpaceId]:
        """The spaces that get or lose a sensor."""
        return {one.space for one in self.installed} | self.mentioned

    @property
    def mentioned(self) -> set[SpaceId]:
        """The spaces of devices that were moved or removed."""
        moved = {one.space for pair in self.moved for one in pair}
        return moved | {one.space for one, _ in self.removed}


def installation_of(one: Assignment, space: SpaceId, before: Installation | None) -> Installation:
    """The installation of a device in a space. Where nothing is given, an earlier installation of the device decides.

    Options belong to their codec: with another codec, none are kept.
    """
    kept = one.kept if before else frozenset[str]()
    codec = before.codec if before and "codec" in kept else one.codec
    keeps_options = before is not None and "options" in kept and codec == before.codec
    observe = before.observe if before and "observe" in kept else one.observe
    return Installation(
        dev_eui=one.dev_eui,
        channel=one.channel,
        space=space,
        codec=codec,
        options=before.options if before and keeps_options else one.options,
        lost_after=before.lost_after if before and "lost_after" in kept else one.lost_after,
        observe=observe,
        observe_left=before.observe_left if before and observe == before.observe else observe,
    )


def plan(wanted: Iterable[Installation], present: Iterable[Installation], *, shared: Collection[SpaceId] = ()) -> Plan:
    """Compare the wanted installations with the present ones.

    A space has the wanted sensors and no others, unless it is one of the `shared` ones, which keep theirs.
    """
    before = {(one.dev_eui, one.channel): one for one in present}
    made = Plan()
    watchers: dict[SpaceId, DevEui] = {}
    for one in wanted:
        watchers[one.space] = one.dev_eui
        was = before.pop((one.dev_eui, one.channel), None)
        if was is None:
            made.created.append(one)
        elif was == one:
            made.unchanged.append(one)
        else:
            made.changed.append((was, one))
    made.removed += [
        (one, watchers[one.space]) for one in before.values() if one.space in watchers and one.space not in shared
    ]
    return made
