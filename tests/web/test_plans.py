"""A floor plan on the board: given by a command, and shown without any rights."""

import asyncio
import json
import subprocess
from pathlib import Path

from tests import forked
from tests.plugins.car_park import CarPark
from tests.plugins.daemon import Daemon
from tests.web.watching import started, watching

SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 200">
<script>alert(1)</script><rect id="A-1" x="10" y="10" width="20" height="40" onclick="alert(2)"/></svg>"""


def plan(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with the gateway's configuration."""
    return forked.run("zones", "plan", *arguments, env=daemon.environment)


async def test_a_plan_reaches_whoever_watches_and_can_run_nothing(
    daemon: Daemon, car_park: CarPark, tmp_path: Path
) -> None:
    await car_park(3)
    (tmp_path / "plan.svg").write_text(SVG)
    (tmp_path / "places.csv").write_text("space,x,y\nA-2,150,100\n")
    async with started(daemon) as client:
        cursor = (await client.get("/board/picture")).json()["cursor"]
        async with watching(client, cursor) as watch:
            await watch.until("gateway")
            files = (str(tmp_path / "plan.svg"), "--places", str(tmp_path / "places.csv"))
            done = await asyncio.to_thread(plan, daemon, "central/level-1", *files, "--json")
            assert json.loads(done.stdout) == {
                "width": 300,
                "height": 200,
                "placed": ["A-1", "A-2"],
                "unplaced": ["A-3"],
            }
            await watch.until("again")
        picture = (await client.get("/board/picture")).json()
        positions = {space["space"]: space["position"] for space in picture["spaces"]}
        assert positions == {"A-1": {"x": 20, "y": 30}, "A-2": {"x": 150, "y": 100}, "A-3": None}
        described = picture["zones"][0]["plan"]
        assert (described["width"], described["height"]) == (300, 200)
        drawing = await client.get(described["url"])
        assert drawing.text == SVG
        assert drawing.headers["content-type"] == "image/svg+xml"
        policy = drawing.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "sandbox"} <= set(policy)
        assert not any(part.startswith("script-src") for part in policy)
        assert drawing.headers["x-content-type-options"] == "nosniff"
        assert (await client.get(f"{described['url']}0")).status_code == 404

        # A mistake leaves the plan as it is.
        (tmp_path / "wrong.svg").write_text("nothing")
        wrong = await asyncio.to_thread(plan, daemon, "central/level-1", str(tmp_path / "wrong.svg"))
        assert (wrong.returncode, "central/level-1 keeps its plan" in wrong.stderr) == (1, True)
        assert (await asyncio.to_thread(plan, daemon, "central/level-9", str(tmp_path / "plan.svg"))).returncode == 1
        assert (await client.get(described["url"])).status_code == 200
        assert (await asyncio.to_thread(plan, daemon, "central/level-1", "--remove")).returncode == 0
        assert (await client.get(described["url"])).status_code == 404
