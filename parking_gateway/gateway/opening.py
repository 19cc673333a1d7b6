"""What a configuration describes, opened: the database and the decoder. For the gateway and for every command alike."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from typing import Final, TypeVar

from loguru import logger

from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.process.config import Config, ConfigError
from parking_gateway.process.config.absences import absences, why_unreadable
from parking_gateway.process.waits import beside, seen_through
from parking_gateway.store import embedded
from parking_gateway.store.pool import Pool, opened

Key = TypeVar("Key")

_LOOK_SECONDS: Final = 0.5
"""Between two looks whether the embedded server is there: an attempt to connect to its socket."""
_AGAIN_SECONDS: Final = 5.0
"""Between two attempts to start it: each that fails adds lines to its log."""


def decoder_of(config: Config) -> Decoder:
    """The decoder that the configuration describes. Raises ConfigError when a profile is wrong whatever the folder holds."""
    decoder = _described(config)
    if wrong := [sentence for sentence, may_pass in _unusable(decoder) if not may_pass]:
        raise ConfigError(wrong)
    return decoder


def lacking(config: Config) -> list[tuple[str, str]]:
    """What the configuration names and cannot be used now: its `section.key` with a sentence.

    The gateway goes on without it, and takes it when it is there.
    """
    away = [(key, f"{key} {what}") for key, what in absences(config)]
    return [*away, *(("decoders.profiles", sentence) for sentence, _ in _unusable(_described(config)))]


def _described(config: Config) -> Decoder:
    profiles = {
        name: Choice(codec=profile.codec, options=dict(profile.options))
        for name, profile in config.decoders.profiles.items()
    }
    return Decoder(profiles=profiles, folder=config.decoders.folder)


def _unusable(decoder: Decoder) -> Iterator[tuple[str, bool]]:
    """Why a profile's frames cannot be read, and whether that can pass without another configuration.

    A file can be mended. A name that nobody knows is a mistake, unless the folder is not mounted: it could be there.
    """
    is_folder_away = decoder.folder is not None and why_unreadable(decoder.folder) is not None
    for name, mistake in mistakes(decoder, decoder.profiles.items()):
        may_pass = isinstance(mistake, codecs.CodecNotFound) and is_folder_away
        yield f"decoders.profiles: {name!r}: {mistake}", may_pass or isinstance(mistake, codecs.CodecBroken)


def mistakes(
    decoder: Decoder, choices: Iterable[tuple[Key, Choice]]
) -> Iterator[tuple[Key, codecs.CodecNotFound | codecs.BadOption]]:
    """Those of the choices with which nothing could ever be read, by their keys, each with the reason.

    A codec that hangs is tried once and not for each of its choices, because an attempt takes seconds.
    """
    stopped: dict[str, codecs.CodecStopped] = {}
    for key, choice in choices:
        if choice.codec in stopped:
            yield key, stopped[choice.codec]
            continue
        try:
            decoder.check(choice)
        except codecs.CodecStopped as mistake:
            stopped[choice.codec] = mistake
            yield key, mistake
        except (codecs.CodecNotFound, codecs.BadOption) as mistake:
            yield key, mistake


@contextlib.asynccontextmanager
async def database(config: Config) -> AsyncIterator[Pool]:
    """A pool on the configured database: somebody's server, or the embedded one, which is started for it and looked after.

    Raises ConfigError and EmbeddedFailed where the embedded one cannot be started.
    """
    if not config.database.is_embedded:
        async with opened(config.database.url.get_secret_value(), config.database) as pool:
            yield pool
        return
    server = embedded.Server(config.gateway.state_directory)
    with contextlib.ExitStack() as use:
        await seen_through(partial(use.enter_context, server.used()))
        async with opened(server.url, config.database) as pool, beside(_look_after(server)):
            yield pool


async def _look_after(server: embedded.Server) -> None:
    """Start the server again whenever it has died, until cancelled. Who works on it waits as for any other."""
    said = ""
    while True:
        await asyncio.sleep(_LOOK_SECONDS if not said else _AGAIN_SECONDS)
        # In a thread: a server that stands still takes its time to refuse.
        if await asyncio.to_thread(server.is_running):
            said = ""
            continue
        if not said:
            said = "it is gone"
            logger.warning("The embedded PostgreSQL is gone; starting it again")
        try:
            # Seen through, also when we are cancelled: else it would start after whoever leaves has stopped it.
            await seen_through(server.start)
        except (ConfigError, embedded.EmbeddedFailed) as failure:
            if str(failure) != said:
                said = str(failure)
                logger.bind(error=said).error("The embedded PostgreSQL cannot be started; trying again")
        else:
            said = ""
            logger.info("The embedded PostgreSQL runs again")
