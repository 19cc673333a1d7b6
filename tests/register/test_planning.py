"""What has to change: every device and every space is accounted for once, and nothing that is so already is touched."""

from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.events import DevEui
from parking_gateway.core.installation import Installation
from parking_gateway.core.space import SpaceId
from parking_gateway.register.planning import plan


def installation(device: str, space: int, codec: str | None = None) -> Installation:
    """A device in a space."""
    return Installation(dev_eui=DevEui(device), space=SpaceId(space), codec=codec)


def test_what_is_new_is_created_and_what_is_so_already_is_left_alone() -> None:
    made = plan([installation("a", 1), installation("b", 2)], [installation("a", 1)])
    assert (made.created, made.unchanged) == ([installation("b", 2)], [installation("a", 1)])
    assert (made.installed, made.changed, made.removed) == ([installation("b", 2)], [], [])


def test_another_codec_is_a_change_and_no_move() -> None:
    made = plan([installation("a", 1, "new")], [installation("a", 1, "old")])
    assert made.changed == [(installation("a", 1, "old"), installation("a", 1, "new"))]
    assert made.moved == []


def test_two_devices_that_swap_their_spaces_both_move() -> None:
    """Nobody is removed: each space's old device is wanted elsewhere."""
    before = [installation("a", 1), installation("b", 2)]
    made = plan([installation("a", 2), installation("b", 1)], before)
    assert made.moved == [(installation("a", 1), installation("a", 2)), (installation("b", 2), installation("b", 1))]
    assert made.removed == []


def test_who_is_in_a_wanted_space_and_wanted_nowhere_is_removed() -> None:
    made = plan([installation("b", 1)], [installation("a", 1)])
    assert made.created == [installation("b", 1)]
    assert made.removed == [(installation("a", 1), "b")]


installations = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 6)).map(
    lambda spaces: [installation(device, space) for device, space in spaces.items()]
)
one_for_each_space = installations.map(lambda many: list({one.space: one for one in many}.values()))


@given(wanted=one_for_each_space, before=one_for_each_space)
def test_a_plan_leads_to_what_is_wanted(wanted: list[Installation], before: list[Installation]) -> None:
    """Carried out, every wanted space has its device alone, and nobody else was touched."""
    made = plan(wanted, [one for one in before if _is_concerned(one, wanted)])
    left = {one.dev_eui: one for one in before}
    for removed, _ in made.removed:
        del left[removed.dev_eui]
    left |= {one.dev_eui: one for one in made.installed}
    untouched = [one for one in before if not _is_concerned(one, wanted)]
    assert sorted(left.values(), key=_key) == sorted([*wanted, *untouched], key=_key)
    assert len(made.created) + len(made.changed) + len(made.unchanged) == len(wanted)


def _is_concerned(one: Installation, wanted: list[Installation]) -> bool:
    return any(one.dev_eui == other.dev_eui or one.space == other.space for other in wanted)


def _key(one: Installation) -> tuple[str, int]:
    return one.dev_eui, one.space
