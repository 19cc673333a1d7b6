"""Text values of the database as enum members. A dictionary costs a tenth of a call of the enumeration."""

from typing import Final

from decoders import Occupancy
from parking_gateway.core.audience import Audience
from parking_gateway.core.problems import Problem
from parking_gateway.core.space import Contact, Service, SpaceState

OCCUPANCIES: Final[dict[str | None, Occupancy | None]] = {None: None, **{one.value: one for one in Occupancy}}
PROBLEMS: Final = {one.value: one for one in Problem}
CONTACTS: Final = {one.value: one for one in Contact}
SERVICES: Final = {one.value: one for one in Service}
STATES: Final = {one.value: one for one in SpaceState}
AUDIENCES: Final[dict[str | None, Audience | None]] = {None: None, **{one.value: one for one in Audience}}
PREVIOUS: Final[dict[str | None, SpaceState | None]] = {None: None, **{one.value: one for one in SpaceState}}
"""The state before the present one, which a space may not have had."""
