"""The files of Grafana fit together: panels on the page, and the sources that are provisioned."""

from itertools import combinations

import pytest
import yaml

from parking_gateway.process import shipped
from tests.grafana.dashboards import DASHBOARDS, FOLDER

WIDTH = 24
"""Columns of a dashboard."""


def sources() -> dict[str, str]:
    """The kind of each provisioned source, by its uid."""
    text = (FOLDER / "provisioning" / "datasources" / "parking.yml").read_text()
    return {one["uid"]: one["type"] for one in yaml.safe_load(text)["datasources"]}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name: str) -> None:
    panels = DASHBOARDS[name]["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(one["x"] + one["w"] <= WIDTH for one in places)
    for one, other in combinations(places, 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_above, (one, other)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_is_explained(name: str) -> None:
    """Its description is what a person reads who does not know the gateway."""
    for panel in DASHBOARDS[name]["panels"]:
        assert panel["type"] == "row" or panel["description"].endswith("."), panel["title"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_begins_with_the_provisioned_source(name: str) -> None:
    (variable,) = [one for one in DASHBOARDS[name]["templating"]["list"] if one["type"] == "datasource"]
    assert sources()[variable["current"]["value"]] == variable["query"]


def test_dashboards_link_to_each_other() -> None:
    for name, dashboard in DASHBOARDS.items():
        (link,) = dashboard["links"]
        assert [other for other, one in DASHBOARDS.items() if link["tags"][0] in one["tags"]] not in ([], [name])


def test_the_package_has_all_of_them() -> None:
    files = {name for one in shipped.ALL for name, _ in one.files()}
    assert {f"grafana/dashboards/{name}.json" for name in DASHBOARDS} <= files
    assert {"prometheus/rules.yml", "prometheus/prometheus.yml"} <= files
