"""The dashboards of Grafana, and their queries as Grafana sends them."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

FOLDER: Final = Path(__file__).parents[2] / "grafana"
DASHBOARDS: Final[Mapping[str, Mapping[str, Any]]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((FOLDER / "dashboards").glob("*.json"))
}


class Asked(NamedTuple):
    """A query of a panel."""

    panel: str
    text: str
    is_series: bool
    """Whether the answer is a value for each time."""


def queries(dashboard: str) -> Iterator[Asked]:
    """The queries of all panels, as they are in the file."""
    for panel in DASHBOARDS[dashboard]["panels"]:
        for target in panel.get("targets", ()):
            text = target.get("expr") or target["rawSql"]
            yield Asked(panel["title"], text, is_series=target.get("format") == "time_series")


def in_sql(text: str, *, since: datetime, until: datetime, **values: list[str]) -> str:
    """A query of SQL with Grafana's macros and variables written out. A variable of several values is a list of literals."""
    text = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{since.isoformat()}' AND '{until.isoformat()}'", text)
    for name, chosen in values.items():
        text = text.replace(f"${name}", ",".join(f"'{one}'" for one in chosen))
    assert "$" not in text, text
    return text


def in_promql(text: str, *, every: str = "1m", **values: str) -> str:
    """A query of PromQL with the interval and the variables written out."""
    text = text.replace("$__rate_interval", every)
    for name, chosen in values.items():
        text = text.replace(f"${name}", chosen)
    assert "$" not in text, text
    return text
