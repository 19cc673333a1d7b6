"""The keys that change without a restart, declared here and nowhere else. Every other key needs a restart."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from parking_gateway.process.config.sections import KEYS, Config

RELOADED: Final = frozenset(
    {
        "alerts",
        "clock",
        "decoders.profiles",
        "devices",
        "downlinks",
        "limits",
        "requests.max_payload_bytes",
        "requests.per_minute",
        "requests.per_minute_of_all",
        "requests.timeout",
        "reservations",
        "retention",
        "telemetry.log_format",
        "telemetry.log_level",
        "telemetry.overdue_after",
        "web.country",
        "web.language",
        "web.operators",
        "web.publisher",
        "web.tokens",
    }
)
"""Whole sections, and single keys of others. `gateway/reloading.py` hands them to those that use them."""


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """The result of reading a configuration again."""

    config: Config
    """The configuration that is in force from now on: the keys that need a restart are those from before."""
    changed: list[str]
    """The keys that take effect now."""
    needing_restart: list[str]
    """The keys that were changed in vain."""


def reloaded(before: Config, wanted: Config) -> Reloaded:
    """Compare two configurations, and take over what changes without a restart."""
    differing = list(_differing(before, wanted))
    changed = [key for key in differing if _is_reloaded(*key)]
    updates: dict[str, dict[str, Any]] = {}
    for section, name in changed:
        updates.setdefault(section, {})[name] = getattr(getattr(wanted, section), name)
    sections = {section: getattr(before, section).model_copy(update=keys) for section, keys in updates.items()}
    return Reloaded(
        config=before.model_copy(update=sections),
        changed=[".".join(key) for key in changed],
        needing_restart=[".".join(key) for key in differing if not _is_reloaded(*key)],
    )


def _differing(before: Config, wanted: Config) -> Iterator[tuple[str, str]]:
    for section, name in KEYS:
        if getattr(getattr(before, section), name) != getattr(getattr(wanted, section), name):
            yield section, name


def _is_reloaded(section: str, name: str) -> bool:
    return section in RELOADED or f"{section}.{name}" in RELOADED
