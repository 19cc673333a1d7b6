"""Makes the downlink of a command that a codec has."""

import difflib
from collections.abc import Iterator, Mapping

from parking_gateway.decoding.codecs.binding import BadOption, value_of
from parking_gateway.decoding.codecs.codec import NO_OPTIONS, Codec, Option, parameters_of


def downlink_of(codec: Codec, command: str, options: Mapping[str, str] = NO_OPTIONS) -> tuple[int, bytes]:
    """Return the port and the bytes of a command. `options` are text. Raises `BadOption`."""
    wanted = command.strip().lower().replace("-", "_")
    if wanted not in codec.commands:
        near = difflib.get_close_matches(wanted, codec.commands, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(codec.commands) or 'none'}"
        raise BadOption(f"{codec.name} has no command {command}; {hint}")
    function = codec.commands[wanted]
    known = {option.name: option for option in parameters_of(function)}
    if mistakes := list(_mistakes(known, options)):
        raise BadOption(f"{codec.name}: {wanted} {'; '.join(mistakes)}")
    values = {name: value_of(codec, known[name], text) for name, text in options.items()}
    try:
        return function(**values)
    except ValueError as refusal:
        raise BadOption(f"{codec.name}: {wanted}: {refusal}") from None


def _mistakes(known: Mapping[str, Option], options: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(options.keys() - known.keys()):
        yield f"has no option {name}, only {', '.join(known) or 'none'}"
    for option in known.values():
        if option.required and option.name not in options:
            yield f"needs the option {option.name} ({option.allowed})"
