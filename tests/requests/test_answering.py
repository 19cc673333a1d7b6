"""From a name and parameters to an answer, without any verb's own work."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.printable import printable
from parking_gateway.requests.answering import asked_of
from parking_gateway.requests.desk import UNKNOWN, Code, Refusal, requester
from parking_gateway.requests.schemas import schema_files
from parking_gateway.requests.verbs import verbs
from tests.requests.conftest import Ask

SPACE = {"site": "central", "zone": "level-1", "space": "A-1"}


@pytest.mark.parametrize(
    ("verb", "hint"), [("space/maintainance", "did you mean space/maintenance?"), ("x", "the verbs are ")]
)
async def test_an_unknown_verb_is_refused_with_a_hint(ask: Ask, verb: str, hint: str) -> None:
    outcome = await ask(verb)
    assert isinstance(outcome, Refusal)
    assert outcome.code is Code.UNKNOWN_VERB
    assert hint in outcome.message


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        (SPACE, "Object missing required field `on`"),
        (SPACE | {"on": "yes"}, "Expected `bool`, got `str` - at `$.on`"),
        (SPACE | {"on": True, "reson": "wet"}, "space/maintenance has no parameter reson: did you mean reason?"),
        (SPACE | {"on": True, "\n": 1}, r"has no parameter \n: it has site, zone, space, on"),
        (SPACE | {"on": True, "space": "a/b"}, "at `$.space`"),
    ],
)
def test_wrong_parameters_are_refused_with_a_sentence(parameters: dict[str, object], sentence: str) -> None:
    refusal = asked_of(verbs()["space/maintenance"], parameters)
    assert isinstance(refusal, Refusal)
    assert refusal.code is Code.INVALID
    assert sentence in refusal.message


@given(st.text())
def test_a_requester_is_printable_and_bounded(name: str) -> None:
    by = requester(name)
    assert by == printable(by)
    assert 1 <= len(by) <= 140
    assert by == requester(by) or len(by) > 100
    assert requester(None) == UNKNOWN


def test_every_verb_has_a_schema_with_the_parameters_of_all_requests() -> None:
    files = {name: msgspec.json.decode(content) for name, content in schema_files().items()}
    assert len(files) == len(verbs())
    for verb in verbs().values():
        schema = files[f"{verb.name.replace('/', '_')}.json"]
        own = [field.encode_name for field in msgspec.structs.fields(verb.asked)]
        assert list(schema["properties"]) == [*own, "by", "transaction"]
        assert verb.work.__doc__, verb.name


def test_the_page_lists_every_verb_its_parameters_and_every_code() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/requests.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w/-]+)` \| (.*?) \|", page, re.MULTILINE))
    listed = {name: re.findall(r"`(\w+)`", cell) for name, cell in rows.items() if name in verbs()}
    assert listed == {
        verb.name: [field.encode_name for field in msgspec.structs.fields(verb.asked)] for verb in verbs().values()
    }
    assert set(rows) - set(listed) == set(Code)
