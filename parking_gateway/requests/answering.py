"""From a verb's name and its parameters to an answer, whoever asks: a message, a command, or a test."""

import difflib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from parking_gateway.core.printable import printable, shortened
from parking_gateway.requests.desk import Answer, Code, Desk, Refusal
from parking_gateway.requests.times import with_times_in_utc
from parking_gateway.requests.verbs import Verb, verbs

_LONGEST_WORD: Final = 100
"""Of the requester's own words in a message."""


async def answer(desk: Desk, name: str, parameters: Mapping[str, Any]) -> Answer | Refusal:
    """Carry out a request in the transaction of the desk. The caller commits an answer and undoes a refusal."""
    found = verbs().get(name)
    if found is None:
        return _unknown_verb(name)
    asked = asked_of(found, parameters)
    if isinstance(asked, Refusal):
        return asked
    return await found.work(desk, asked)


def asked_of(verb: Verb, parameters: Mapping[str, Any]) -> msgspec.Struct | Refusal:
    """The parameters of a verb, checked. A parameter that the verb does not have is refused, because it may be misspelt."""
    known = [field.encode_name for field in msgspec.structs.fields(verb.asked)]
    for name in parameters:
        if name not in known:
            meant = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {meant[0]}?" if meant else f"it has {', '.join(known) or 'none'}"
            return Refusal(Code.INVALID, f"{verb.name} has no parameter {_word(name)}: {hint}")
    try:
        asked = msgspec.convert(parameters, verb.asked)
    except msgspec.ValidationError as error:
        return Refusal(Code.INVALID, printable(str(error)))
    return with_times_in_utc(asked)


def _unknown_verb(name: str) -> Refusal:
    meant = difflib.get_close_matches(name, verbs(), n=1)
    hint = f"did you mean {meant[0]}?" if meant else f"the verbs are {', '.join(verbs())}"
    return Refusal(Code.UNKNOWN_VERB, f"There is no verb {_word(name)}: {hint}")


def _word(text: str) -> str:
    return shortened(printable(text), _LONGEST_WORD)
