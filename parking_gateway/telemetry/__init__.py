"""Telemetry: the log, the metrics, the health, and the pages that serve them.

In the order to read: `report` (it takes the values of the tasks), `health` and `metrics` (it fills them), `instruments`, `places`, `scraped`,
`web` (it serves them); `logs`, `log_formats`, `prose`, `log_writer` and `repetitions`; `steps`, `absences`, `failed_rounds`, `clock_warnings`, `losses`, `refusals`,
`recurring` and `qos_0`.
"""

from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.logs import set_up_logging
from parking_gateway.telemetry.metrics import Metrics, Totals

__all__ = ["Health", "Metrics", "Totals", "set_up_logging"]
