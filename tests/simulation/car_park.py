"""The car park of every universe, as `tests.plugins.car_park` builds it in PostgreSQL."""

from datetime import datetime

from tests.events import dev_eui_of
from tests.simulation.rows import Tables, Transaction
from tests.simulation.statements.devices import new_device
from tests.simulation.statements.spaces import new_space
from tests.simulation.story import SPACES


def build(tables: Tables, *, at: datetime) -> None:
    """Build it as the register does, at this time."""
    made = Transaction(tables)
    made.put("site", 1, {"id": 1, "name": "central", "version": 1, "published_version": 0})
    made.put("zone", 1, {"id": 1, "site_id": 1, "name": "level-1", "version": 1, "published_version": 0})
    for number in range(1, SPACES + 1):
        dev_eui = dev_eui_of(number)
        made.put("space", number, new_space(number, f"A-{number}", at))
        made.put("device", dev_eui, new_device(dev_eui))
        installation = {"space_id": number, "codec": "bosch_tps110_v029", "options": "{}", "snapshot": None}
        made.put("installation", (dev_eui, 0), installation)
    made.commit()
