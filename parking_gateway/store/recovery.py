"""Queries about an absence: which devices can have sent meanwhile."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from parking_gateway.core.events import DevEui
from parking_gateway.store.query import Query, Rows, Statement, asks
from parking_gateway.store.rows import arrays
from parking_gateway.store.tables import TIME, device

# Devices that sent lately first: their lost uplinks are needed most.
_DEVICES: Final = Statement(
    sa.select(device.c.dev_eui).order_by(device.c.heard_at.desc().nulls_last(), device.c.dev_eui)
)


# Some probes of the index of each partition for each device.
_RECORDED: Final = Statement(
    sa.text(
        """
select heard.dev_eui
from unnest(cast(:dev_eui as text[]), cast(:at as timestamptz[])) as heard (dev_eui, at)
where
    exists (select from uplink where uplink.dev_eui = heard.dev_eui and uplink.heard_at >= heard.at)
    and exists (select from uplink where uplink.dev_eui = heard.dev_eui and uplink.heard_at < :before)
"""
    ).bindparams(
        sa.bindparam("dev_eui", type_=sa.Text), sa.bindparam("at", type_=sa.Text), sa.bindparam("before", type_=TIME)
    )
)

_SENDERS: Final = Statement(
    sa.text(
        """
select dev_eui from (
    select distinct on (application) dev_eui, heard_at from device where heard_at >= :since
    order by application, heard_at desc, dev_eui
) as newest order by heard_at desc, dev_eui limit :most
"""
    ).bindparams(sa.bindparam("since", type_=device.c.heard_at.type), sa.bindparam("most", type_=sa.Integer))
)


def devices() -> Query[list[DevEui]]:
    """All devices."""
    return asks(_DEVICES, DevEui)


def senders(*, since: datetime, most: int) -> Query[list[DevEui]]:
    """The device of each application that has sent last, of applications that have sent since then."""
    return asks(_SENDERS, DevEui, {"since": since, "most": most})


def recorded(heard: Mapping[DevEui, datetime], *, before: datetime) -> Query[set[DevEui]]:
    """Which of these devices have an uplink that was heard then or later, and one that was heard `before`.

    A device without the latter is new. Its first uplinks may be missing, and leave no gap in its counters.
    """
    arguments = arrays(dev_eui=list(heard), at=list(heard.values())) | {"before": before}
    return Query(statement=_RECORDED, arguments=arguments, read=_set)


def _set(rows: Rows) -> set[DevEui]:
    return {DevEui(dev_eui) for (dev_eui,) in rows}
