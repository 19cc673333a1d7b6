"""The page docs/install.md, for a clean root, and for a copy of this machine, where the packages are installed already."""

from collections.abc import Iterator
from typing import Final

from tests.pages.blocks import Block, of_page
from tests.pages.machine import CHECKOUT

PAGE: Final = "docs/install.md"
START: Final = "systemctl enable --now parking-gateway"
REMOVAL: Final = "systemctl disable --now parking-gateway"
"""The block of the start, and the first line of that of the removal."""
STARTED: Final = "service postgresql start >/dev/null"
"""What the installation of PostgreSQL does where systemd is the first process. Mosquitto is restarted by the page."""
_OWN: Final = f"""
ln -s {CHECKOUT}/.venv /opt/parking-gateway
# Every user may reach the environment of the checkout, and its Python.
for place in {CHECKOUT} "$(readlink -f {CHECKOUT}/.venv/bin/python)"; do
    until [ "$place" = / ]; do place=$(dirname "$place"); chmod a+x "$place"; done
done
"""


def in_clean_root() -> Iterator[Block]:
    """Every block, as it stands."""
    for block in of_page(CHECKOUT, PAGE):
        yield block.then(STARTED) if "apt-get install" in block.commands else block


def on_this_machine() -> Iterator[Block]:
    """Without the packages, which are here already, and with the environment of this checkout."""
    for block in of_page(CHECKOUT, PAGE):
        if "apt-get install" in block.commands:
            yield block._replace(commands=STARTED)
        elif "-m venv" in block.commands:
            yield block._replace(commands=_OWN)
        elif "/bin/pip install" not in block.commands:
            yield block
