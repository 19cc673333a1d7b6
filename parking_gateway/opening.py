"""What a configuration describes, opened: the database and the decoder. For the gateway and for every command alike."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from parking_gateway import codecs
from parking_gateway.config import Config, ConfigError
from parking_gateway.decoding import Choice, Decoder
from parking_gateway.store import embedded
from parking_gateway.store.engine import Engine, opened


def decoder_of(config: Config) -> Decoder:
    """The decoder that the configuration describes. Raises ConfigError when a profile names what cannot be found."""
    profiles = {
        name: Choice(codec=profile.codec, options=dict(profile.options))
        for name, profile in config.decoders.profiles.items()
    }
    decoder = Decoder(profiles=profiles, folder=config.decoders.folder)
    mistakes = [
        f"decoders.profiles: {name!r}: {mistake}"
        for name, choice in profiles.items()
        for mistake in mistakes_of(decoder, choice)
    ]
    if mistakes:
        raise ConfigError(mistakes)
    return decoder


@contextlib.asynccontextmanager
async def database(config: Config) -> AsyncIterator[Engine]:
    """A pool on the configured database: somebody's server, or the embedded one, which is started for it."""
    if not config.database.is_embedded:
        async with opened(config.database.url.get_secret_value(), config.database) as engine:
            yield engine
        return
    with contextlib.ExitStack() as server:
        running = embedded.running(config.gateway.state_directory)
        url = await asyncio.to_thread(server.enter_context, running)
        async with opened(url, config.database) as engine:
            yield engine


def mistakes_of(decoder: Decoder, choice: Choice) -> list[str]:
    """Why nothing could ever be read with this choice; an empty list when there is no reason."""
    try:
        decoder.check(choice)
    except (codecs.CodecNotFound, codecs.BadOption) as mistake:
        return [str(mistake)]
    return []
