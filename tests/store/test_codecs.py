"""Numbers of codecs: one for each version, given once."""

from parking_gateway.core.device import CodecIdentity
from parking_gateway.store import codecs
from parking_gateway.store.pool import Pool

OLD, NEW = CodecIdentity("bosch_tps110", "0123456789ab"), CodecIdentity("bosch_tps110", "ba9876543210")


async def test_a_codec_has_one_number_for_each_version(pool: Pool) -> None:
    async with pool.connect() as connection:
        (first,) = await connection.commit_together(codecs.numbers([OLD, OLD]))
        (both,) = await connection.commit_together(codecs.numbers([NEW, OLD]))
    assert set(both) == {OLD, NEW}
    assert both[OLD] == first[OLD] != both[NEW]


async def test_looking_up_a_number_takes_none(pool: Pool) -> None:
    """There are 32,767, and each start of each gateway looks up its codecs."""
    async with pool.connect() as connection:
        for _ in range(5):
            (old,) = await connection.commit_together(codecs.numbers([OLD]))
        (new,) = await connection.commit_together(codecs.numbers([NEW]))
    assert new[NEW] == old[OLD] + 1
