"""What the gateway says about itself: lines of log, numbers for Prometheus, and whether it is well."""

from parking_gateway.telemetry.health import Health
from parking_gateway.telemetry.logs import set_up_logging
from parking_gateway.telemetry.metrics import BatchReport, Metrics, Totals

__all__ = ["BatchReport", "Health", "Metrics", "Totals", "set_up_logging"]
