"""Lists the devices of a checkout."""

from collections.abc import Sequence

from parking_gateway.cli.shown import show_error, show_json, show_line, show_table
from parking_gateway.core.wording import counted
from parking_gateway.decoding.importing.preparing import Prepared


def show(tried: Sequence[Prepared], *, as_json: bool) -> None:
    """Print every device, how many of its examples give the published output, and what it gives."""
    rows = [
        {
            "device": device,
            "title": title,
            "script": one.codec.script,
            "examples": len(one.outcomes),
            "as_published": len(one.outcomes) - len(one.differing),
            "gives": one.gives or None,
            "proven": one.is_proven,
            "of_use": one.why_relevant,
        }
        for one in tried
        for device, title in ((f"{one.codec.vendor}/{model}", title) for model, title in one.codec.models.items())
    ]
    if as_json:
        show_json(rows)
        return
    columns = ("device", "title", "examples", "as published", "gives", "proven", "of use because")
    show_table(
        columns,
        [
            (
                row["device"],
                row["title"],
                row["examples"],
                row["as_published"],
                row["gives"],
                "yes" if row["proven"] else None,
                row["of_use"],
            )
            for row in rows
        ],
    )
    if not rows:
        show_error("No codec of the checkout is of use for a car park.")
        return
    show_line(f"{counted(len(rows), 'device')} of {counted(len(tried), 'codec')}.")
