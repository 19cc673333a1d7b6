"""What became of a register, as sentences for people."""

from collections.abc import Iterator

from parking_gateway.register.outcome import Registered


def sentences(outcome: Registered) -> Iterator[str]:
    """A line for each thing that somebody should know."""
    spaces, installations, told = outcome.spaces, outcome.installations, outcome.replayed
    yield f"Spaces: {spaces.created} created, {spaces.changed} changed, {spaces.unchanged} unchanged."
    yield (
        f"Installations: {installations.created} created, {installations.changed} changed,"
        f" {installations.unchanged} unchanged."
    )
    for move in outcome.moved:
        yield f"Moved: {move.dev_eui} from {move.before} to {move.after}."
    for removal in outcome.removed:
        yield f"Unassigned: {removal.dev_eui}, because {removal.space} has {removal.replaced_by} now."
    if told.uplinks:
        yield (
            f"Stored uplinks of these devices: {told.uplinks} read again, {told.unreadable} of them without success;"
            f" the states of spaces changed {told.transitions} time{'s' * (told.transitions != 1)}."
        )
    for remark, count in sorted(outcome.remarks.items()):
        yield f"{count} device{'s' * (count != 1)}: {remark}."
    if not (spaces.created or installations.created or installations.changed):
        yield "Nothing has changed: unchanged entries stay unchanged."
