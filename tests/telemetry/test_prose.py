"""Lines of the log in words."""

import re
from pathlib import Path
from typing import Any

import pytest

import parking_gateway
from parking_gateway.telemetry.prose import CHANGED, MORE_CHANGED, RELOADED, STARTS, WORDS, in_words

SOURCES = [file for file in Path(parking_gateway.__file__).parent.rglob("*.py") if file.name != "prose.py"]
NAMED = {STARTS, CHANGED, MORE_CHANGED, RELOADED}
"""Their names are in the sources."""


@pytest.mark.parametrize("sentence", sorted(WORDS.keys() - NAMED))
def test_each_sentence_is_one_that_the_gateway_logs(sentence: str) -> None:
    text = "".join(re.sub(r'"\s+"', "", file.read_text()) for file in SOURCES)
    assert sentence in text


@pytest.mark.parametrize(
    ("sentence", "fields", "words"),
    [
        ("The database answers again", {"seconds": 12.04}, "The database is back after 12 s"),
        (
            "The journal is empty again: its messages are recorded",
            {"messages": 3200, "seconds": 12.0, "dropped": 0},
            "Recorded 3,200 events of the journal, which is empty again after 12 s",
        ),
        (
            "Uplinks are missing by their frame counters",
            {"uplinks": 7, "devices": 6, "dev_euis": ["a", "b", "c", "d", "e"]},
            "7 uplinks of 6 devices missing by their frame counters: a, b, c, d, e, …",
        ),
        (
            "Sensors are lost: no uplink came for longer than lost_after; the states of their spaces are kept",
            {"count": 1, "dev_euis": ["a84041000181c061"]},
            "1 sensor lost, because no uplink came for longer than lost_after: a84041000181c061",
        ),
        (
            "A problem is over",
            {"about": "journal", "seconds": 61.0, "problem": "It is full"},
            "Over after 1 min: It is full",
        ),
        ("The configuration was read again", {"changed": []}, "The configuration was read again: nothing changed"),
        ("A sentence of a library", {}, None),
        ("Rejected a message", {"logger": "of a library with our sentence"}, None),
    ],
)
def test_the_words(sentence: str, fields: dict[str, Any], words: str | None) -> None:
    assert in_words(sentence, fields) == words
