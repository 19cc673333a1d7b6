"""Requests from the broker: each is carried out in one transaction, which writes its reply too, and is then acknowledged.

Whatever dies in between, the broker delivers the request again, and the table `request` shows whether it was carried out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from loguru import logger
from msgspec.structs import replace

from parking_gateway.broker.message import Message
from parking_gateway.broker.reasons import Refusal as PublicationRefused
from parking_gateway.contract.publication import MessageProperties, Publication
from parking_gateway.core.committed import Committed
from parking_gateway.core.outgoing import Reply
from parking_gateway.core.seldom import Seldom
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import Config
from parking_gateway.process.wall_clock import WallClock
from parking_gateway.requests.answering import answer
from parking_gateway.requests.desk import UNKNOWN, Answer, Code, Desk, Refusal
from parking_gateway.requests.rates import Rates
from parking_gateway.requests.request import Request, Topics, request_of, response
from parking_gateway.requests.verbs import verbs
from parking_gateway.store import outgoing, requests
from parking_gateway.store.database import Database
from parking_gateway.store.patience import Patience, Refused, StopRequested, TakesNothing

Publish = Callable[[Sequence[Publication]], Awaitable[Sequence[PublicationRefused]]]

_ANSWERING: Final = "answering a request"
_COMMANDS: Final = "application/#"
"""Topics of ChirpStack on which the gateway has the right to publish."""
_MOST_WAITING: Final = 100
"""Requests in memory, if they are less than half of `mqtt.receive_maximum`: the broker sends so many messages at a time, and
events need their share of them."""
_WAITED_FOR: Final = timedelta(days=1)
"""After this time nobody waits for a reply. Not shorter, because our clock and the database's differ."""
_REFUSED_EVERY: Final = 1.0
"""Seconds between two replies to one requester that it asks too often. Without this, each such request would cost a message."""
_UNAVAILABLE: Final = Refusal(
    Code.UNAVAILABLE,
    "The database takes nothing now: ask again. If the request was carried out all the same, its reply follows",
)
_RETAINED: Final = "retained"
_REPEATED: Final = "repeated"


class Requests:
    """Answers the requests of one gateway, one after the other."""

    def __init__(  # noqa: PLR0913 - what it works with, and where it reports
        self,
        config: Config,
        *,
        database: Database,
        patience: Patience,
        decoder: Decoder,
        clock: WallClock,
        is_away: Callable[[], bool],
        report: Callable[[Committed], None],
        answered: Callable[[str, str, str], None],
    ) -> None:
        """`is_away`: whether the database is known to be away. `answered` is called with verb, outcome and requester."""
        self._limits = config.requests
        self._downlinks = config.downlinks
        self._client = config.mqtt.client_id
        self._is_shared = config.mqtt.shared_group is not None
        self._redelivered_within = config.mqtt.session_expiry
        others = [config.chirpstack.topic, _COMMANDS, f"{config.home_assistant.prefix}/#"]
        self._topics = Topics(root=config.publication.root, others=others)
        self._database = database
        self._patience = patience
        self._decoder = decoder
        self._clock = clock
        self._is_away = is_away
        self._report = report
        self._answered = answered
        self._rates = Rates(per_minute=config.requests.per_minute, of_all=config.requests.per_minute_of_all)
        self._seldom = Seldom(_REFUSED_EVERY)
        self._one_by_one = asyncio.Lock()
        self._most_waiting = max(1, min(_MOST_WAITING, config.mqtt.receive_maximum // 2))
        self._waiting = 0
        self._was_away = False
        """Whether the last attempt found no database."""
        self.publish: Publish = _nowhere
        """Publishes at once what the database cannot take. The owner of the connection sets it."""

    def reconfigure(self, config: Config) -> None:
        """Use other limits and models of indicators from the next request on."""
        self._limits, self._downlinks = config.requests, config.downlinks
        self._rates.change(per_minute=config.requests.per_minute, of_all=config.requests.per_minute_of_all)

    async def commit(self, messages: Sequence[Message]) -> None:
        """Answer these requests. They may be acknowledged then. Raises StopRequested, or MqttError with the connection."""
        # Counted before the first of them waits.
        room = max(0, self._most_waiting - self._waiting)
        admitted = messages[:room]
        self._waiting += len(admitted)
        try:
            for message in messages[room:]:
                await self._refuse(self._read(message), Refusal(Code.RATE_LIMITED, "Too many requests wait: ask later"))
            for message in admitted:
                async with self._one_by_one:
                    await self._take(message)
        finally:
            self._waiting -= len(admitted)

    def _read(self, message: Message) -> Request:
        return request_of(message, self._topics, max_bytes=self._limits.max_payload_bytes)

    async def _take(self, message: Message) -> None:
        request = self._read(message)
        if message.is_retained:  # it would be carried out again at every connection
            self._done(request, _RETAINED)
        elif not self._rates.allow(request.by, self._clock()):
            await self._refuse(request, Refusal(Code.RATE_LIMITED, "Too many requests within a minute: ask later"))
        elif self._was_away and self._is_away():
            await self._refuse(request, _UNAVAILABLE)
        else:
            await self._carry_out(message, request)

    async def _carry_out(self, message: Message, request: Request) -> None:
        try:
            outcome = await self._until_committed(message, request)
        except TakesNothing:
            self._was_away = True
            await self._refuse(request, _UNAVAILABLE)
        else:
            self._was_away = False
            self._done(request, outcome)

    async def _until_committed(self, message: Message, request: Request) -> str:
        """Attempts until the database has the answer, or the refusal of what cannot be carried out."""
        seconds = self._limits.timeout.total_seconds()
        attempt = partial(self._attempt, message)
        try:
            return await self._patience(partial(attempt, request), purpose=_ANSWERING, has_net=True, within=seconds)
        except (TakesNothing, StopRequested):
            raise
        except Exception as fault:  # noqa: BLE001 - a request must not be able to end the process, whatever the bug
            if request.refusal is not None:
                return _failed(request, fault).code
            refused = replace(request, refusal=_failed(request, fault))
        return await self._until_committed(message, refused)

    async def _attempt(self, message: Message, request: Request) -> str:
        """One transaction, tried once. Returns the outcome."""
        delivery = requests.Delivery(digest=request.digest, mid=message.mid, client=self._client)
        begin = requests.begin(delivery)
        async with asyncio.timeout(self._limits.timeout.total_seconds()), self._database.connect() as connection:
            now = self._clock()
            since = now - self._redelivered_within
            _, is_answered, original = await connection.together(
                begin, requests.is_answered(delivery, since=since), requests.original(delivery, since=since)
            )
            details: dict[str, Any] = {"verb": _name(request), "by": request.by, "at": now}
            if message.is_redelivered and is_answered:
                return _REPEATED
            if not self._is_shared and original is not None:
                copy = requests.record(delivery, **details, outcome=_REPEATED, copy_of=original)
                await connection.commit_together(copy)
                return _REPEATED
            desk = Desk(connection=connection, now=now, by=request.by, decoder=self._decoder, downlinks=self._downlinks)
            outcome = request.refusal or await answer(desk, request.verb, request.parameters)
            if isinstance(outcome, Refusal):
                await connection.rollback()
                await connection.together(begin)
            reply = Reply(
                topic=request.reply_topic,
                payload=response(outcome, request.transaction),
                correlation_data=request.correlation_data,
                expires_at=now + _WAITED_FOR,
            )
            word = outcome.code if isinstance(outcome, Refusal) else "ok"
            await connection.commit_together(requests.record(delivery, **details, outcome=word), outgoing.send([reply]))
        committed = outcome.committed if isinstance(outcome, Answer) else Committed()
        self._report(replace(committed, outgoing=committed.outgoing + 1))
        return word

    async def _refuse(self, request: Request, refusal: Refusal) -> None:
        """Reply at once, without the database. Of those that ask too often, most get no reply."""
        self._done(request, refusal.code)
        now = asyncio.get_running_loop().time()
        if refusal.code is Code.RATE_LIMITED and not self._seldom.is_due(request.by, now=now):
            return
        properties = MessageProperties(correlation_data=request.correlation_data)
        payload = response(refusal, request.transaction)
        reply = Publication(topic=request.reply_topic, payload=payload, retain=False, properties=properties)
        await self.publish([reply])

    def _done(self, request: Request, outcome: str) -> None:
        self._answered(_name(request), outcome, request.by)


def _name(request: Request) -> str:
    """The verb, for metrics and rows: a word of ours, whatever was asked."""
    return request.verb if request.verb in verbs() else UNKNOWN


def _failed(request: Request, fault: Exception) -> Refusal:
    if isinstance(fault, Refused):
        return Refusal(Code.INVALID, f"PostgreSQL refuses a value: {fault}")
    logger.opt(exception=fault).bind(verb=_name(request), by=request.by).error(
        "A mistake of the gateway's: a request cannot be carried out; please report it"
    )
    return Refusal(Code.FAILED, f"The gateway failed: {type(fault).__name__}. Its log has more; please report it")


async def _nowhere(_: Sequence[Publication]) -> Sequence[PublicationRefused]:
    return ()
