"""The database, the decoder and the intake of a configuration, for the gateway and for every command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from loguru import logger

from parking_gateway import chirpstack
from parking_gateway.broker.message import Message
from parking_gateway.core import clocks
from parking_gateway.core.allowance import Allowance
from parking_gateway.core.committed import Committed
from parking_gateway.decoding import codecs
from parking_gateway.decoding.budget import Guests
from parking_gateway.decoding.decoder import Choice, Decoder
from parking_gateway.intake.bounds import Bounds
from parking_gateway.intake.journal import Journal
from parking_gateway.intake.loop import Commit, Intake
from parking_gateway.process.config import Config, ConfigError
from parking_gateway.process.config.absences import NO_DATABASE, absences, why_unreadable
from parking_gateway.process.waits import beside, seen_through
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.store import embedded
from parking_gateway.store.database import Database
from parking_gateway.store.known_server import NAME as SERVER_FILE
from parking_gateway.store.known_server import KnownServer
from parking_gateway.store.patience import Patience
from parking_gateway.store.pool import Pool, opened

Key = TypeVar("Key")

_LOOK_SECONDS: Final = 0.5
"""Seconds between two checks of the embedded server. A check connects to its socket."""
_AGAIN_SECONDS: Final = 5.0
"""Seconds between two attempts to start it. A failed attempt adds lines to its log."""


def decoder_of(config: Config) -> Decoder:
    """The decoder of the configuration. Raises ConfigError if a profile is wrong with any content of the folder."""
    decoder = _described(config)
    if wrong := [sentence for sentence, may_pass in _unusable(decoder) if not may_pass]:
        raise ConfigError(wrong)
    return decoder


def lacking(config: Config) -> list[tuple[str, str]]:
    """Files and codecs of the configuration that cannot be used now: the `section.key` with a sentence.

    The gateway starts without them, and uses them as soon as they are there.
    """
    return [*((key, f"{key} {what}") for key, what in absences(config)), *lacking_codecs(config)]


def lacking_codecs(config: Config) -> list[tuple[str, str]]:
    """The same of the codecs alone."""
    decoder = _described(config)
    volts = config.devices.battery_low_volts
    return [
        *(("decoders.profiles", sentence) for sentence, _ in _unusable(decoder)),
        *(("devices.battery_low_volts", sentence) for sentence in _unknown(volts, decoder.folder)),
    ]


def _unknown(names: Iterable[str], folder: Path | None) -> Iterator[str]:
    """The names of limits that no codec has: without a word about them they would limit nothing."""
    for name in names:
        try:
            codecs.find(name, dropins=folder)
        except codecs.CodecNotFound as mistake:
            yield f"devices.battery_low_volts: {mistake}"


def _described(config: Config) -> Decoder:
    profiles = {
        name: Choice(codec=profile.codec, options=dict(profile.options))
        for name, profile in config.decoders.profiles.items()
    }
    return Decoder(profiles=profiles, folder=config.decoders.folder)


def _unusable(decoder: Decoder) -> Iterator[tuple[str, bool]]:
    """The reason why a profile's frames cannot be read, and whether it can pass without another configuration.

    A broken file can be repaired. An unknown name is a mistake, unless the folder is not mounted and can hold it.
    """
    is_folder_away = decoder.folder is not None and why_unreadable(decoder.folder) is not None
    for name, mistake in mistakes(decoder, decoder.profiles.items()):
        may_pass = isinstance(mistake, codecs.CodecNotFound) and is_folder_away
        yield f"decoders.profiles: {name!r}: {mistake}", may_pass or isinstance(mistake, codecs.CodecBroken)


def mistakes(
    decoder: Decoder, choices: Iterable[tuple[Key, Choice]]
) -> Iterator[tuple[Key, codecs.CodecNotFound | codecs.BadOption]]:
    """The choices that cannot read any frame, by their keys, each with the reason.

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


def intake_of(  # noqa: PLR0913 - what an intake reports to, and whose time it has
    config: Config,
    *,
    database: Database,
    decoder: Decoder,
    patience: Patience,
    clock: WallClock,
    report: Callable[[Committed], None],
    taken: Callable[[Sequence[Message]], None] = lambda _: None,
    settled: Callable[[], None] = lambda: None,
    complain: Callable[[str, str | None], None] = lambda _about, _sentence: None,
    journal: Journal | None = None,
    elsewhere: Sequence[tuple[str, Commit]] = (),
    is_awaited: Callable[[], bool] = lambda: False,
) -> Intake:
    """The way in, for the events of the broker and for those that are healed."""
    return Intake(
        database=database,
        decoder=decoder,
        guests=Guests(decoder, seconds=config.decoders.timeout.total_seconds(), complain=complain)
        if codecs.has_guests(decoder.folder)
        else None,
        limits=limits_of(config),
        batch_size=config.intake.batch_size,
        timeout=min(config.intake.timeout, journal.after) if journal else config.intake.timeout,
        journal=journal,
        patience=patience,
        announce_every=config.publication.device_interval,
        bounds=Bounds(
            new_devices=Allowance(config.limits.new_devices_per_hour),
            rejected_bytes=Allowance(config.limits.rejected_bytes_per_hour),
        ),
        taken=taken,
        settled=settled,
        clock=clock,
        report=report,
        elsewhere=elsewhere,
        is_awaited=is_awaited,
    )


def limits_of(config: Config) -> chirpstack.Limits:
    """The limits of a message."""
    return chirpstack.Limits(
        payload_bytes=config.chirpstack.max_payload_bytes,
        depth=config.chirpstack.max_depth,
        reach=clocks.reach(config.mqtt.session_expiry),
    )


@contextlib.asynccontextmanager
async def database(config: Config, known: KnownServer | None = None) -> AsyncIterator[Pool]:
    """A pool on the configured database. The embedded server is started for it, and again whenever it dies.

    The gateway remembers the server in `known`; a command only reads this memory.

    Raises ConfigError without a configured database, and ConfigError and EmbeddedFailed if the embedded server cannot be started.
    """
    if not config.database.is_set:
        raise ConfigError([f"database.url {NO_DATABASE}."])
    known = known or KnownServer(config.gateway.state_directory / SERVER_FILE, is_kept=False)
    if not config.database.is_embedded:
        async with opened(config.database.url.get_secret_value(), config.database, known) as pool:
            yield pool
        return
    server = embedded.Server(config.gateway.state_directory)
    with contextlib.ExitStack() as use:
        await seen_through(partial(use.enter_context, server.used()))
        async with opened(server.url, config.database, known) as pool, beside(_look_after(server)):
            yield pool


async def _look_after(server: embedded.Server) -> None:
    """Start the server again whenever it has died, until cancelled. Its users wait as for any other server."""
    logged, began = "", 0.0
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(_LOOK_SECONDS if not logged else _AGAIN_SECONDS)
        # In a thread, because a server that hangs delays the check.
        if await asyncio.to_thread(server.is_running):
            logged = ""
            continue
        if not logged:
            logged, began = "it is gone", clock()
            logger.warning("The embedded PostgreSQL is gone; starting it again")
        try:
            # Not interrupted by a cancellation. Else the server could start after it was stopped.
            await seen_through(server.start)
        except (ConfigError, embedded.EmbeddedFailed) as failure:
            if str(failure) != logged:
                logged = str(failure)
                logger.bind(error=logged).error("The embedded PostgreSQL cannot be started; trying again")
        else:
            logged = ""
            logger.bind(seconds=round(clock() - began, 1)).info("The embedded PostgreSQL runs again")
