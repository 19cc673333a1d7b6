"""Indicators: colours by state, numbers with a buffer and hysteresis, and pictures that cannot be sent."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.indicator import (
    BUSYLIGHT,
    Model,
    Shown,
    Sign,
    WrongPicture,
    checked,
    digest,
    painted,
    picture,
)
from parking_gateway.core.space import SpaceState

SIGN = Model(f_port=10, pictures={SpaceState.FREE: "01 {free:u8}", SpaceState.OCCUPIED: "00"})


@pytest.mark.parametrize(
    ("shown", "colour"),
    [
        (Shown(free=1, occupied=2, reserved=3), "0000ffff00"),
        (Shown(occupied=1, reserved=3, maintenance=1), "ff0000ff00"),
        (Shown(reserved=3, maintenance=1), "00ff00ff00"),
        (Shown(maintenance=1), "ff00ff6464"),
    ],
)
def test_a_busylight_has_a_colour_for_each_state(shown: Shown, colour: str) -> None:
    """Its order of colours is red, blue, green."""
    assert picture(BUSYLIGHT, shown, Sign())[0].hex() == colour


def test_a_state_without_a_picture_looks_occupied() -> None:
    assert picture(SIGN, Shown(reserved=1), Sign()) == (b"\0", True)


@pytest.mark.parametrize(
    ("text", "painted_as"),
    [
        ("0a{free:u8}", "0aff"),
        ("{total:u16}{total:u16le}", "04b0b004"),
        ("{occupied:u32}{occupied:u32le}", "0000000101000000"),
        ("{free:d3} {occupied:d2}", "393939" + "3031"),
    ],
)
def test_numbers_are_bytes_or_digits_and_the_largest_that_fit(text: str, painted_as: str) -> None:
    shown = Shown(free=1199, occupied=1)
    assert painted(checked(text), shown).hex() == painted_as


@pytest.mark.parametrize("text", ["", "0", "xy", "{free}", "{free:u7}", "{cars:u8}", "}", "00" * 223])
def test_a_picture_that_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(WrongPicture):
        checked(text)


def test_another_model_has_another_digest() -> None:
    models = [BUSYLIGHT, SIGN, msgspec.structs.replace(SIGN, f_port=11)]
    assert len({digest(model) for model in models}) == 3
    assert digest(SIGN) == digest(msgspec.structs.replace(SIGN))


def test_a_sign_is_full_a_few_spaces_before_and_shows_a_number_again_after_some_more() -> None:
    numbers = []
    sign = Sign(buffer=2, hysteresis=3)
    for free in (6, 3, 2, 3, 5, 6, 5, 2):
        data, is_full = picture(SIGN, Shown(free=free, occupied=9), sign)
        sign = Sign(buffer=2, hysteresis=3, is_full=is_full)
        numbers.append(0 if is_full else data[1])
    assert numbers == [4, 1, 0, 0, 0, 4, 3, 0]


@given(
    st.builds(Shown, free=st.integers(0, 50), occupied=st.integers(0, 50)),
    st.integers(0, 9),
    st.integers(0, 9),
    st.booleans(),
)
def test_a_sign_never_promises_a_space_of_its_buffer(shown: Shown, buffer: int, hysteresis: int, was: bool) -> None:  # noqa: FBT001 - hypothesis
    data, is_full = picture(SIGN, shown, Sign(buffer=buffer, hysteresis=hysteresis, is_full=was))
    assert is_full == (data == b"\0")
    if not is_full:
        assert data[1] == shown.free - buffer > (hysteresis if was else 0)
