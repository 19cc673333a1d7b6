"""The check of the indicators: whether each can show its places, and does."""

from collections.abc import Sequence
from typing import Final

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.core.wording import counted
from parking_gateway.process.config import Config
from parking_gateway.store import indicators
from parking_gateway.store.database import Connection
from parking_gateway.store.indicators import ListedIndicator

_EXAMPLES: Final = 3


async def examine_indicators(connection: Connection, *, config: Config) -> list[Check]:
    """One check, or one for each kind of fault. Without indicators there is none."""
    (found,) = await connection.together(indicators.listed())
    if not found:
        return []
    if config.command_topic is None:
        detail = "chirpstack.topic does not show where downlinks go"
        return [Check(about="indicators", detail=detail, fix="Set downlinks.topic")]
    models = config.downlinks.all_models
    faults = {
        ("of a model that does not exist", "Add it to downlinks.models, or add the indicators anew"): [
            one for one in found if one.model not in models
        ],
        ("without a place, because it was removed", "parking-gateway indicators add, or remove"): [
            one for one in found if not one.places
        ],
        ("whose downlinks fail", "Look at the reason on the device's topic; try the radio and the power of the lamp"): [
            one for one in found if one.state == "failed"
        ],
    }
    wrong = [
        Check(about="indicators", detail=f"{_named(ones)} {what}", fix=fix)
        for (what, fix), ones in faults.items()
        if ones
    ]
    pending = sum(one.state != "shown" for one in found)
    return wrong or [Check(about="indicators", detail=f"{counted(len(found), 'indicator')}, {pending:,} not set yet")]


def _named(ones: Sequence[ListedIndicator]) -> str:
    names = ", ".join(one.dev_eui for one in ones[:_EXAMPLES])
    return f"{counted(len(ones), 'indicator')} ({names}{', …' if len(ones) > _EXAMPLES else ''})"
