"""The fields of a reading are guessed from the outputs of examples, and proven only without a doubt."""

from typing import Any

import pytest

from parking_gateway.decoding.importing.guessing import guessed, is_proven
from parking_gateway.decoding.importing.writing import inline


def of(*outputs: dict[str, Any], names: tuple[str, ...] = ()) -> dict[str, tuple[str, bool]]:
    named = names or tuple(f"example {number}" for number in range(len(outputs)))
    found = guessed(list(zip(named, outputs, strict=True)))
    return {field: (inline(guess.source), guess.is_proven) for field, guess in found.items()}


BOTH = [
    ("occupied", True, False, "occupied = [true], vacant = [false]"),
    ("occupied", 1, 0, "occupied = [1], vacant = [0]"),
    ("isFree", False, True, "occupied = [false], vacant = [true]"),
    ("parkingStatus", "occupied", "free", 'occupied = ["occupied"], vacant = ["free"]'),
    ("state", "CAR_PRESENT", "NO_CAR", 'occupied = ["CAR_PRESENT"], vacant = ["NO_CAR"]'),
    ("status", "Occupied", "Vacant", 'occupied = ["Occupied"], vacant = ["Vacant"]'),
    ("occupancy", "busy", "unoccupied", 'occupied = ["busy"], vacant = ["unoccupied"]'),
    ("notOccupied", False, True, "occupied = [false], vacant = [true]"),
    ("carOnOff", "on", "off", 'occupied = ["on"], vacant = ["off"]'),
    ("parking", "Parked", "Not parked", 'occupied = ["Parked"], vacant = ["Not parked"]'),
    ("vehicle", True, False, "occupied = [true], vacant = [false]"),
]


@pytest.mark.parametrize(("name", "occupied", "vacant", "source"), BOTH)
def test_an_occupied_and_a_vacant_example_prove_an_occupancy(
    name: str, occupied: object, vacant: object, source: str
) -> None:
    assert of({name: occupied}, {name: vacant})["occupancy"] == (f'{{ path = "{name}", {source} }}', True)


@pytest.mark.parametrize(("name", "occupied", "vacant", "source"), BOTH)
def test_one_example_proves_no_occupancy(name: str, occupied: object, vacant: object, source: str) -> None:
    for value in (occupied, vacant):
        (_, is_certain) = of({name: value})["occupancy"]
        assert not is_certain


def test_names_of_examples_that_say_the_opposite_leave_a_doubt() -> None:
    names = ("space vacant", "space occupied")
    assert of({"occupied": True}, {"occupied": False}, names=names)["occupancy"] == (
        '{ path = "occupied", occupied = [true], vacant = [false] }',
        False,
    )


def test_the_names_of_examples_give_the_meaning_of_0_and_1() -> None:
    names = ("parking space occupied", "parking space vacant")
    assert of({"parking": 0}, {"parking": 1}, names=names)["occupancy"] == (
        '{ path = "parking", occupied = [0], vacant = [1] }',
        True,
    )
    assert not of({"parking": 0}, {"parking": 1})["occupancy"][1]


@pytest.mark.parametrize(
    "output",
    [
        {"battery_status": "full"},
        {"free_heap": 1},
        {"occupied_duration": 1},
        {"status": True},
        {"parking_count": 1},
        {"occupancy_rate": 0},
        {"update_available": True},
        {"type": "heartbeat"},
    ],
)
def test_what_only_resembles_an_occupancy_is_none(output: dict[str, object]) -> None:
    assert "occupancy" not in of(output)


@pytest.mark.parametrize(
    ("output", "field", "source"),
    [
        ({"distance_mm": 300}, "distance_mm", '{ path = "distance_mm", range = [20, 10000] }'),
        ({"distance_cm": 30.5}, "distance_mm", '{ path = "distance_cm", factor = 10, range = [20, 10000] }'),
        ({"Distance": "2799 mm"}, "distance_mm", '{ path = "Distance", text = true, range = [20, 10000] }'),
        (
            {"distance": {"value": 2.5, "unit": "m"}},
            "distance_mm",
            '{ path = "distance.value", factor = 1000, range = [20, 10000] }',
        ),
        ({"distance": 2116}, "distance_mm", '{ path = "distance", range = [20, 10000] }'),
        ({"batteryVoltage": 3.6}, "battery_volts", '{ path = "batteryVoltage" }'),
        ({"battery_mv": 3600}, "battery_volts", '{ path = "battery_mv", factor = 0.001 }'),
        ({"battery": 92}, "battery_percent", '{ path = "battery" }'),
        ({"temperature": -3.5}, "temperature_celsius", '{ path = "temperature" }'),
        ({"line_1": {"total_in": 7}}, "counter_in", '{ path = "line_1.total_in" }'),
        ({"tilt": False}, "tamper", '{ path = "tilt" }'),
    ],
)
def test_a_number_has_the_unit_of_its_name_or_its_neighbour(output: dict[str, Any], field: str, source: str) -> None:
    assert of(output)[field] == (source, True)


def test_a_distance_without_a_unit_is_not_proven() -> None:
    (_, is_certain) = of({"distance": 30})["distance_mm"]
    assert not is_certain


def test_an_error_value_among_the_distances_is_none() -> None:
    assert (
        of({"distance_mm": 300}, {"distance_mm": -1})["distance_mm"][0]
        == '{ path = "distance_mm", none = [-1], range = [20, 10000] }'
    )


@pytest.mark.parametrize(
    "output",
    [{"temperature_alarm": 1}, {"battery_low": 1}, {"distance_threshold": 300}, {"frame_counter": 5}, {"rssi": -90}],
)
def test_a_setting_or_an_alarm_is_no_measurement(output: dict[str, object]) -> None:
    assert not {"temperature_celsius", "battery_volts", "distance_mm", "counter"} & of(output).keys()


def test_counters_of_both_directions_are_enough_for_an_entry() -> None:
    assert is_proven(guessed([("a", {"total_in": 5, "total_out": 3})]).values())
    assert not is_proven(guessed([("a", {"total_in": 5})]).values())
    assert not is_proven([])
