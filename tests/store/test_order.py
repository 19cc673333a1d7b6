"""The order of frames is the same in PostgreSQL and in Python."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from parking_gateway.core.clocks import Mark, compare
from parking_gateway.store.order import FrameColumns, is_later

NOW = datetime(2026, 11, 26, 18, tzinfo=UTC)
seconds = st.sampled_from([0, 1, 1800, 3599, 3600, 3601, 7200, -3600, -3601])
marks = st.builds(
    Mark,
    heard_at=seconds.map(lambda some: NOW + timedelta(seconds=some)),
    dev_addr=st.sampled_from(["01a2d830", "01ffffff", None]),
    f_cnt=st.sampled_from([0, 1, 63, 64, 65, 130]),
)


def columns(mark: Mark) -> FrameColumns:
    return FrameColumns(
        sa.cast(sa.literal(mark.heard_at), sa.TIMESTAMP(timezone=True)),
        sa.cast(sa.literal(mark.dev_addr, sa.Text), sa.Text),
        sa.cast(sa.literal(mark.f_cnt), sa.BigInteger),
    )


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(marks, marks), min_size=40, max_size=40))
async def test_postgresql_orders_frames_as_python_does(engine: AsyncEngine, pairs: list[tuple[Mark, Mark]]) -> None:
    asked = sa.select(*(is_later(columns(one), columns(other)).label(f"c{n}") for n, (one, other) in enumerate(pairs)))
    async with engine.connect() as connection:
        answers = (await connection.execute(asked)).one()
    assert list(answers) == [compare(one, other) > 0 for one, other in pairs]
