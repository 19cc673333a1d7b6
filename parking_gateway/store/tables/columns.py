"""What several tables have in common: names of constraints, types, and the columns of the outbox."""

from typing import Final

import sqlalchemy as sa

metadata: Final = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
    }
)

TIME: Final = sa.TIMESTAMP(timezone=True)
EUI: Final = sa.Text(collation="C")
"""Compared byte by byte. Comparing by the rules of a language costs PostgreSQL more for each uplink."""


def published() -> tuple[sa.Column[int], sa.Column[int]]:
    """What the outbox needs of a table: a row is due while its version is not the one that the broker confirmed.

    No index has them, so that counting a version up stays a HOT update, which touches no index at all.
    """
    return (
        sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
        sa.Column("published_version", sa.BigInteger, nullable=False, server_default="0"),
    )


def never_published() -> sa.ColumnElement[int]:
    """A `published_version` for a row that has to be published again. It is negative, and no row has had it before.

    With 0 for all of them, a gateway that read a row in that state could not notice that others have published it since.
    """
    return -sa.cast(sa.cast(sa.func.pg_current_xact_id(), sa.Text), sa.BigInteger)
