"""The examples of docs/how-to/javascript.md work."""

import re
from datetime import UTC, datetime
from pathlib import Path

from decoders import Frame, Occupancy, Reading
from parking_gateway.decoding import codecs, frame_lines

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "javascript.md"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_script_of_the_page_reads_the_frame_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "acme_bay_x1.js").write_text(blocks("javascript")[0])
    (tmp_path / "acme_bay_x1.toml").write_text(blocks("toml")[0])
    decode = codecs.bind(codecs.find("acme-bay-x1", dropins=tmp_path))
    typed = re.search(r"decode acme-bay-x1 --port (\d+) '([0-9a-f ]+)'\n", PAGE.read_text())
    assert typed
    reading = decode(Frame(port=int(typed[1]), payload=bytes.fromhex(typed[2]), received_at=NOON))
    assert reading == Reading(occupancy=Occupancy.OCCUPIED, battery_volts=3.6, distance_mm=300)
    assert "\noccupancy      occupied\nbattery_volts  3.6\ndistance_mm    300\n" in PAGE.read_text()


def test_the_object_of_the_page_is_read_without_the_script(tmp_path: Path) -> None:
    (tmp_path / "acme_bay_x1.toml").write_text(blocks("toml")[0])
    line = re.search(r"echo '(.*?)' \|", PAGE.read_text())
    assert line
    output = frame_lines.decoded_line(line[1].encode(), received_at=NOON, folder=tmp_path)
    assert output == b'{"occupancy":"vacant"}\n'
