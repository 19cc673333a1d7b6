"""Two outputs are compared as JSON has them."""

from typing import Any

import pytest

from parking_gateway.decoding.importing import yaml_core
from parking_gateway.decoding.importing.comparison import differences

SAME = [
    ({"data": {"a": 1}}, {"data": {"a": 1.0}}),
    ({"data": {"a": 1, "b": 2}}, {"data": {"b": 2, "a": 1}}),
    ({"data": {}}, {"data": {}, "errors": [], "warnings": []}),
    ({"data": {"a": None}}, {"data": {}}),
    ({"a": float("nan")}, {"a": None}),
    ({"a": 0}, {"a": -0.0}),
    ({"a": "2026-01-01T00:00:00Z"}, {"a": "2026-01-01T00:00:00.000Z"}),
    ({"a": "XXXX-XX-XXTXX:XX:XX.XXXZ"}, {"a": "2026-01-01T00:00:00.000Z"}),
]
DIFFERENT = [
    ({"a": 1}, {"a": True}, "a is true, published is 1"),
    ({"a": 1}, {"a": "1"}, 'a is "1", published is 1'),
    ({"a": 0.1}, {"a": 0.10000000000000002}, "a is 0.10000000000000002, published is 0.1"),
    ({"a": [1, 2]}, {"a": [1]}, "a has 1 items, published are 2"),
    ({"a": {"b": 1}}, {"a": {}}, "a.b is missing, published is 1"),
    ({}, {"a": {"b": 1}}, 'a is {"b": 1}, and is not published'),
    ({"a": None}, {"a": 0}, "a is 0, published is null"),
    ({"errors": ["no"]}, {}, 'errors is missing, published is ["no"]'),
    ({"a": "2026-01-01T00:00:00Z"}, {"a": "2026-01-01T00:00:01Z"}, "a is "),
]


@pytest.mark.parametrize(("expected", "got"), SAME)
def test_outputs_are_the_same(expected: Any, got: Any) -> None:
    assert differences(expected, got) == []


@pytest.mark.parametrize(("expected", "got", "sentence"), DIFFERENT)
def test_outputs_differ(expected: Any, got: Any, sentence: str) -> None:
    (found,) = differences(expected, got)
    assert found.startswith(sentence)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("12:30", "12:30"),
        ("2023-01-01", "2023-01-01"),
        ("0x1f", 31),
        ("010", 10),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        ("1.2.3", "1.2.3"),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_yaml_is_read_as_version_1_2(text: str, value: object) -> None:
    found = yaml_core.read(f"a: {text}")["a"]
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text", ["a: !!python/object/apply:os.system [ls]", "a: !x 1", "a: [", "a: &a [*a]\nb: *b", "a: 1\n---\nb: 1"]
)
def test_other_yaml_is_refused(text: str) -> None:
    with pytest.raises(yaml_core.WrongYaml):
        yaml_core.read(text)


BOMB = "a0: &a0 [x, x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 20))


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "[" * 1_000 + "]" * 1_000, "- " * 100_000, "? " * 5_000, "a: &a [*a]", BOMB],
    ids=["brackets", "closed brackets", "dashes", "keys", "a value within itself", "aliases"],
)
def test_a_bomb_is_refused_at_once(text: str) -> None:
    with pytest.raises(yaml_core.WrongYaml):
        yaml_core.read(text)


def test_an_alias_is_read() -> None:
    assert yaml_core.read("a: &a {b: 1}\nc: *a\nd: {<<: *a, e: 2}") == {
        "a": {"b": 1},
        "c": {"b": 1},
        "d": {"b": 1, "e": 2},
    }
