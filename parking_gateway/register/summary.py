"""The outcome of an import or an assignment, as sentences."""

from collections.abc import Iterator

from parking_gateway.core.wording import counted
from parking_gateway.register.outcome import Registered


def sentences(outcome: Registered) -> Iterator[str]:
    """A sentence for each kind of change, and for each remark."""
    spaces, installations, replayed = outcome.spaces, outcome.installations, outcome.replayed
    yield f"Spaces: {spaces.created} created, {spaces.changed} changed, {spaces.unchanged} unchanged."
    yield (
        f"Installations: {installations.created} created, {installations.changed} changed,"
        f" {installations.unchanged} unchanged."
    )
    for move in outcome.moved:
        yield f"Moved: {move.dev_eui} from {move.before} to {move.after}."
    for removal in outcome.removed:
        yield f"Unassigned: {removal.dev_eui}, because {removal.space} has {removal.replaced_by} now."
    if replayed.uplinks:
        yield (
            f"Replayed: {counted(replayed.uplinks, 'stored uplink')} of these devices,"
            f" {replayed.unreadable:,} unreadable, with {counted(replayed.transitions, 'state change')}."
        )
    for remark, count in sorted(outcome.remarks.items()):
        yield f"{counted(count, 'device')}: {remark}."
    if not (spaces.created or spaces.changed or installations.created or installations.changed):
        yield "Nothing has changed: the database already has these entries."
