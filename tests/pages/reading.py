"""The pages in the order in which they are run, with what a reader has done before, and the blocks that are not run."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

from tests.pages import installing
from tests.pages.blocks import Block, of_page
from tests.pages.machine import CHECKOUT

NOT_RUN: Final = {
    "make check   # style, types, layers": "it is a run of CI",
    'make test ARGS="tests/decoders"': "it is a run of CI",
    "parking-gateway zones plan central/level-1 level-1.svg": "tests/web/test_plans.py and tests/register/test_plan_files.py, with a drawing",
    "parking-gateway zones plan central/level-1 level-1.png --places level-1.csv": "as above",
    "sudo cp -r for-grafana/provisioning /etc/grafana/": "Grafana is not in Debian: tests/grafana holds the files against its types",
    "make demo   # broker, database, 120 simulated sensors and the gateway on this machine": "it is a run of CI",
    'make demo ARGS="--spaces 30 --for 10"': "tests/cli/demo",
    "make check-contract": "it is a run of CI",
    "make generate": "tests/project/test_generated.py",
    "mkdir -p schemas/released": "a release is made by a person",
    "python3 -m venv /opt/parking-gateway": "tests/project/test_wheel.py installs the wheel",
    "ln -s /opt/parking-gateway/share/man/man1/parking-gateway.1 /usr/local/share/man/man1/": "tests/project/test_wheel.py",
    "parking-gateway decode acme-bay-x1 --port 1 '01 0e10 1e'": "tests/decoding/declared/test_documentation.py",
    'echo \'{"codec": "acme_bay_x1", "fPort": 1, "hex": "010e101e", "object": {"status": {"parking": "free"}}}\' '
    "| parking-gateway decode -": "tests/decoding/declared/test_documentation.py",
    "parking-gateway codecs import lorawan-devices --all-parking --yes": "tests/cli/test_codecs.py, with a small checkout",
    "parking-gateway codecs test lorawan-devices": "as above",
    "parking-gateway spaces acknowledge central/level-1/A-012": "no car stays for too long here: tests/requests/test_spaces.py",
    "parking-gateway operators hash": "it asks for a password in a terminal: tests/cli/test_operators.py",
    "sudo apt install prometheus": "tests/prometheus: a Prometheus of Debian scrapes a gateway with these files",
    "parking-gateway regions prepare north --application 52f14cd4-c6f1-4fbd-8f87-4025e1d49242": "tests/regions/test_preparing.py, beside no"
    " gateway that receives all applications",
    "parking-gateway regions bridge mqtt://central.example.org ./bridge": "tests/regions/test_bridge.py",
    "make container": "tests/packages, as far as it can be checked without an engine of containers",
    "apt install ./dist/parking-gateway_*.deb": "tests/packages/test_debian.py",
    "echo 'parking-gateway parking-gateway/purge-data boolean true' | debconf-set-selections": "tests/packages/test_debian.py",
    "sudo -u postgres psql -c \"alter system set shared_buffers = '2GB'\" "
    "-c \"alter system set max_wal_size = '8GB'\" \\": "the machine of the tests has no room for it",
    "pages=$(sudo -u postgres psql -Atc 'show shared_memory_size_in_huge_pages')": "it would take memory from the whole machine",
}
"""First lines of blocks, and why these are not run here, or the test that runs them."""
_OF_AN_INDEX: Final = re.compile(r"pip install 'parking-gateway\[\w+\]'")
"""The package is on no index yet. tests/project/test_installation.py installs its extras."""
ELSEWHERE: Final = {
    "docs/reference/http-api.md": "tests/web/test_http_api_page.py",
    "docs/reference/commands.md": "tests/project/test_docs.py",  # generated; every example is checked against its command
}
"""Pages that a test of their own runs."""

_TOMORROW: Final = f"{datetime.now(UTC) + timedelta(days=1):%F}"
_VALUES: Final = (
    (r"-u (\S+) -P PASSWORD", r'-u \1 -P "$(cat /root/passwords/\1)"'),
    (r"-i CLIENT_ID", "-i another-gateway"),
    (r"2026-12-01", _TOMORROW),
    # A subscriber that a reader ends, and one that goes on in the background.
    (r"(mosquitto_sub .*) -v (-t '[^+#]+')$", r"\1 -v \2 -C 1 -W 10"),
    (r"(mosquitto_sub .*) &$", r"\1 -C 1 -W 10 &"),
    # Its status is 1 if a device needs a person, as some of the examples do.
    (r"(parking-gateway doctor.*)", r"\1 || test $? = 1"),
    # A password that a person types.
    (r"createuser --pwprompt", "createuser"),
)
"""What a reader puts in the place of an example."""

_BEFORE: Final = {
    "docs/how-to/onboarding.md": r"""
printf '%s\n' site,zone,space,dev_eui,codec,options \
    central,level-1,A-012,a84041000181c061,milesight_em310_udl,occupied_below_mm=1500 >spaces.csv
""",
    "docs/how-to/downlinks.md": r"""
parking-gateway spaces import <(printf 'site,zone,space\ncentral,level-2,B-001\n')
export PARKING_GATEWAY_DOWNLINKS__MODELS='{"sign": {"f_port": 10, "free": "01 {free:u16}", "occupied": "00"}}'
""",
    "docs/how-to/reservations.md": r"""
printf 'site,zone,space,audience\ncentral,level-1,E-001,ev\ncentral,visitors,V-01,ev\ncentral,visitors,V-02,ev\n' >more.csv
parking-gateway spaces import more.csv
sudo -u postgres psql parking -c "select setval(pg_get_serial_sequence('reservation', 'id'), 4710)"
for name in meetings visits; do
    printf 'BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:%s\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:%s\r\n' \
        $name "$(date --utc -d '3 days' +%Y%m%dT100000Z)" >$name.ics
    printf 'DTEND:%s\r\nSUMMARY:A visit\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n' "$(date --utc -d '3 days' +%Y%m%dT110000Z)" >>$name.ics
done
""",
    "docs/how-to/retention.md": """
install -d -o postgres /var/backups/parking
sudo -u postgres psql parking -Atc 'select to_jsonb(uplink) from uplink' | gzip >uplink_2025_01.jsonl.gz
cp uplink_2025_01.jsonl.gz /var/backups/parking/
""",
    "docs/how-to/deploy.md": "sudo -u postgres createuser grafana",
    "docs/how-to/grafana.md": "sudo -u postgres dropuser grafana",
    "docs/reference/register.md": r"""
printf '[[zones]]\nsite = "central"\nzone = "park"\ncapacity = 120\n' >zones.toml
parking-gateway spaces import zones.toml
""",
}
"""What the reader of a page has done before, by other pages."""

TUTORIAL: Final = "docs/tutorial/first-space.md"
_FIRST: Final = (TUTORIAL, "docs/how-to/onboarding.md")
"""The other pages use what these have made."""


def in_their_order() -> Iterator[Block]:
    """The installation, every other page before the removal, and each block of several pages once."""
    seen = set[str]()
    installation = list(installing.on_this_machine())
    removal = next(number for number, block in enumerate(installation) if block.first_line == installing.REMOVAL)
    yield from installation[:removal]
    for block in chain.from_iterable(map(run_blocks, pages())):
        if block.commands not in seen:
            yield block
        seen.add(block.commands)
    yield from installation[removal:]


def pages() -> list[str]:
    """All pages with commands but the installation, in their order."""
    found = [str(page.relative_to(CHECKOUT)) for page in chain(CHECKOUT.glob("*.md"), CHECKOUT.glob("docs/**/*.md"))]
    others = sorted(page for page in found if page not in (*_FIRST, *ELSEWHERE, installing.PAGE))
    return [page for page in (*_FIRST, *others) if any(of_page(CHECKOUT, page))]


def run_blocks(page: str) -> Iterator[Block]:
    """The blocks of a page that are run, with the values of a reader."""
    found = (block for block in of_page(CHECKOUT, page) if not _OF_AN_INDEX.fullmatch(block.commands))
    blocks = [block for block in found if block.first_line not in NOT_RUN]
    if blocks and page in _BEFORE:
        yield Block(page, 0, _BEFORE[page])
    for block in blocks:
        yield block._replace(commands=_with_values(block.commands))


def _with_values(commands: str) -> str:
    for pattern, value in _VALUES:
        commands = re.sub(pattern, value, commands, flags=re.MULTILINE)
    return commands
