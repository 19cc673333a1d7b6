"""The outcome of an import or an assignment, as sentences."""

from collections.abc import Iterator

import msgspec

from parking_gateway.core.wording import counted
from parking_gateway.register.labelled import Labelled
from parking_gateway.register.outcome import Registered
from parking_gateway.register.removing import Removed


def sentences(outcome: Registered) -> Iterator[str]:
    """A sentence for each kind of change, and for each remark."""
    if not isinstance(outcome.label, msgspec.UnsetType):
        yield from _of_label(outcome.label)
    spaces, installations, replayed = outcome.spaces, outcome.installations, outcome.replayed
    yield f"Spaces: {spaces.created} created, {spaces.changed} changed, {spaces.unchanged} unchanged."
    yield (
        f"Installations: {installations.created} created, {installations.changed} changed,"
        f" {installations.unchanged} unchanged."
    )
    if outcome.counters:
        yield f"Counters: {outcome.counters} installed."
    for move in outcome.moved:
        yield f"Moved: {move.dev_eui} from {move.before} to {move.after}."
    for removal in outcome.removed:
        yield f"Unassigned: {removal.dev_eui}, because {removal.space} has {removal.replaced_by} now."
    if outcome.settings:
        yield f"Settings of {counted(outcome.settings, 'place')} changed."
    yield from sentences_of(outcome.pruned)
    if replayed.uplinks:
        yield (
            f"Replayed: {counted(replayed.uplinks, 'stored uplink')} of these devices,"
            f" {replayed.unreadable:,} unreadable, with {counted(replayed.transitions, 'state change')}."
        )
    for remark, count in sorted(outcome.remarks.items()):
        yield f"{counted(count, 'device')}: {remark}."
    changes = spaces.created, spaces.changed, installations.created, installations.changed, outcome.settings
    if not (any(changes) or outcome.pruned.spaces):
        yield "Nothing has changed: the database already has these entries."


def _of_label(found: Labelled) -> Iterator[str]:
    label = found.label
    device = " ".join(filter(None, (label.vendor, label.model))) or "a vendor that is not known"
    yield f"Label: {label.dev_eui}, {device} ({label.format})."
    if found.chosen is not None:
        yield f"Codec: {found.chosen}, the only one that fits the label."
    elif found.codecs:
        which = f"devices of {label.vendor}" if found.model_of is None else f"the model of its {found.model_of}"
        yield f"Codecs for {which}: {', '.join(found.codecs)}. Choose with --codec, if nobody chose one."


def sentences_of(removed: Removed) -> Iterator[str]:
    """A sentence for each space, zone and site that was removed, and for each device that lost its space or its zone by that."""
    yield from (f"Removed: the space {one}." for one in removed.spaces)
    yield from (f"Removed: the zone {one}." for one in removed.zones)
    yield from (f"Removed: the site {one}." for one in removed.sites)
    yield from (f"Unassigned: {one}, because its space was removed." for one in removed.unassigned)
    yield from (f"Removed: the counter {one}, because its zone was removed." for one in removed.counters)
