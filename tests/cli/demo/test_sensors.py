"""The gateway's own codecs decode the frames of the simulated sensors."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoders import Frame, Occupancy, Undecodable
from parking_gateway.cli.demo.sensors import MODELS, Conditions, Model, Payload
from parking_gateway.decoding import codecs

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
OCCUPIED, VACANT = Occupancy.OCCUPIED, Occupancy.VACANT

every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.codec)


def bound(model: Model) -> codecs.Bound:
    return codecs.bind(codecs.find(model.codec), model.options)


def frame(payload: Payload) -> Frame:
    return Frame(port=payload[0], payload=payload[1], received_at=NOON)


def conditions() -> st.SearchStrategy[Conditions]:
    """Within the limits of the fleet."""
    return st.booleans().flatmap(
        lambda is_occupied: st.builds(
            Conditions,
            is_occupied=st.just(is_occupied),
            minutes=st.integers(0, 89),
            distance_mm=st.integers(900, 1300) if is_occupied else st.integers(2400, 2500),
            celsius=st.integers(-20, 60),
            battery_percent=st.integers(0, 100),
            f_cnt=st.integers(0, 2**32 - 1),
        )
    )


@every_model
@given(now=conditions())
def test_a_status_and_a_heartbeat_have_the_occupancy_that_the_sensor_measures(model: Model, now: Conditions) -> None:
    decode = bound(model)
    for payload in (model.status(now), model.heartbeat(now)):
        assert decode(frame(payload)).occupancy is (OCCUPIED if now.is_occupied else VACANT)


@every_model
def test_a_damaged_frame_is_refused(model: Model) -> None:
    with pytest.raises(Undecodable):
        bound(model)(frame(model.damaged))


def test_there_are_several_vendors() -> None:
    assert len({model.codec.split("_")[0] for model in MODELS}) >= 4
