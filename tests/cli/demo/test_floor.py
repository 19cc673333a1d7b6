"""The floor plan of the demo."""

from parking_gateway.cli.demo.floor import drawing
from parking_gateway.register.plan_files import read


def test_every_space_has_a_place_of_its_own_inside_the_walls() -> None:
    for number in (1, 10, 30, 47):
        spaces = [f"a-{n:03}" for n in range(1, number + 1)]
        plan = read(drawing(spaces), spaces=spaces)
        assert list(plan.places) == spaces
        assert len(set(plan.places.values())) == number
        assert all(20 < x < plan.width - 20 and 20 < y < plan.height - 20 for x, y in plan.places.values())
