"""A double of the broker: sessions that outlast connections, QoS 1, DUP, a receive maximum, and retained messages."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

import msgspec
from paho.mqtt.client import topic_matches_sub

from parking_gateway.broker.message import Message
from tests.simulation.faults import Fault
from tests.simulation.world import World

_TICK: Final = 1e-6
"""Seconds between two packets of one connection, which keeps their order."""


_VERSION: Final = re.compile(rb'"version":(\d+)')
_SHARE: Final = "$share/"
_matches: Final = lru_cache(maxsize=4096)(topic_matches_sub)


class Queued(msgspec.Struct):
    """A message in a session, until it is acknowledged."""

    topic: str
    payload: bytes
    number: int
    was_sent: bool = False
    is_under_way: bool = False
    """Over the present connection."""


class BrokerSession:
    """What the broker keeps for a client id."""

    def __init__(self) -> None:
        self.filters: dict[str, None] = {}
        self.queue: list[Queued] = []
        self.last = 0

    def matches(self, topic: str) -> bool:
        """Whether it gets all messages on this topic."""
        return any(_matches(one, topic) for one in self.filters if not one.startswith(_SHARE))

    def groups(self, topic: str) -> list[str]:
        """The groups whose messages on this topic it gets a part of."""
        shared = [one.split("/", 2)[1:] for one in self.filters if one.startswith(_SHARE)]
        return [group for group, topic_filter in shared if _matches(topic_filter, topic)]

    def add(self, topic: str, payload: bytes) -> None:
        """Queue a message."""
        self.last += 1
        self.queue.append(Queued(topic, payload, self.last))


class Client:
    """The broker's end of one connection. `take` is called with messages, `gone` when the broker has closed it."""

    def __init__(
        self,
        client_id: str,
        *,
        receive_maximum: int,
        take: Callable[[list[Message]], None],
        gone: Callable[[], None],
    ) -> None:
        self.client_id = client_id
        self.receive_maximum = receive_maximum
        self.take = take
        self.gone = gone
        self.is_connected = True
        self._sent_until = 0.0

    def arrival(self, world: World) -> float:
        """When a packet arrives that is sent now: behind those before it."""
        self._sent_until = max(world.time() + world.way(), self._sent_until + _TICK)
        return self._sent_until


class Broker:
    """The broker. It outlives every client."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_away = False
        self.sessions: dict[str, BrokerSession] = {}
        self.elsewhere: dict[str, BrokerSession] = {}
        """The sessions on the node to which no client can connect now."""
        self.clients: dict[str, Client] = {}
        self.retained: dict[str, bytes] = {}
        self.highest: dict[str, int] = {}
        """The highest version that was published on each topic."""
        self.published: list[tuple[str, bytes]] = []
        """What was published and is not retained: topics and payloads."""
        self.known_sessions_lost = 0
        """How often sessions were lost of which the gateway's database knew."""
        self.lost: list[bytes] = []
        """Payloads that the broker itself has lost: with a session, or because there was none."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Take an event of the network server, which has it confirmed then."""
        sessions = [*self.sessions.values(), *self.elsewhere.values()]
        wanting = [one for one in sessions if one.matches(topic)]
        groups = sorted({group for one in sessions for group in one.groups(topic)})
        wanting += [self.world.dice.choice([one for one in sessions if group in one.groups(topic)]) for group in groups]
        if not wanting:
            self.lost.append(payload)
        for session in wanting:
            session.add(topic, payload)
        for client in list(self.clients.values()):
            self.deliver(client)

    def retain(self, topic: str, payload: bytes) -> None:
        """Keep the last message of a topic; an empty one clears it."""
        if payload:
            self.retained[topic] = payload
            if found := _VERSION.search(payload):
                self.highest[topic] = max(self.highest.get(topic, 0), int(found[1]))
        else:
            self.retained.pop(topic, None)

    def connect(self, client: Client) -> bool:
        """Accept a connection. Returns whether there was a session."""
        if (earlier := self.clients.get(client.client_id)) is not None:
            self.close(earlier)
        is_present = client.client_id in self.sessions
        session = self.sessions.setdefault(client.client_id, BrokerSession())
        for one in session.queue:
            one.is_under_way = False
        sent = [one for one in session.queue if one.was_sent]
        if 0 < len(sent) < len(session.queue) and self.world.faults.strikes(Fault.AGAIN_BEHIND):
            session.queue = [one for one in session.queue if not one.was_sent] + sent
        self.clients[client.client_id] = client
        self.deliver(client)
        return is_present

    def close(self, client: Client, *, is_for_good: bool = False) -> None:
        """End a connection. Without a session expiry, its session ends too."""
        client.is_connected = False
        if self.clients.get(client.client_id) is client:
            del self.clients[client.client_id]
            if is_for_good:
                self.sessions.pop(client.client_id, None)
        self.world.at(client.arrival(self.world), client.gone)

    def deliver(self, client: Client) -> None:
        """Send what is queued, as much as the client takes at a time."""
        session = self.sessions.get(client.client_id)
        if session is None or not client.is_connected:
            return
        under_way = sum(one.is_under_way for one in session.queue)
        messages = list(self._next(session, client.receive_maximum - under_way))
        if messages and self.world.faults.strikes(Fault.BROKER_HANGS_UP):
            self.close(client)
        elif messages:
            self.world.at(client.arrival(self.world), lambda: client.take(messages) if client.is_connected else None)

    def _next(self, session: BrokerSession, count: int) -> Iterator[Message]:
        fresh = [place for place, one in enumerate(session.queue) if not one.was_sent]
        if len(fresh) > 1 and self.world.faults.strikes(Fault.SHUFFLED):
            moved = [session.queue[place] for place in fresh]
            self.world.dice.shuffle(moved)
            for place, one in zip(fresh, moved, strict=True):
                session.queue[place] = one
        waiting = [place for place, one in enumerate(session.queue) if not one.is_under_way]
        for place in waiting[: max(0, count)]:
            following = session.queue[place + 1 : place + 2]
            is_swapped = following and not following[0].was_sent and not session.queue[place].was_sent
            if is_swapped and self.world.faults.strikes(Fault.OVERTAKEN):
                session.queue[place : place + 2] = reversed(session.queue[place : place + 2])
            one = session.queue[place]
            yield Message(one.topic, one.payload, one.number, 1, is_redelivered=one.was_sent)
            one.was_sent = one.is_under_way = True

    def acknowledged(self, client: Client, numbers: list[int]) -> None:
        """The client has acknowledged these."""
        session = self.sessions.get(client.client_id)
        if session is not None and client.is_connected:
            session.queue = [one for one in session.queue if not (one.is_under_way and one.number in numbers)]
            self.deliver(client)

    def retained_on(self, topic_filter: str) -> list[tuple[str, bytes]]:
        """What is retained for a filter."""
        if "+" not in topic_filter and "#" not in topic_filter:
            return [(topic_filter, self.retained[topic_filter])] if topic_filter in self.retained else []
        return [one for one in self.retained.items() if _matches(topic_filter, one[0])]

    def hang_up(self) -> None:
        """Close every connection."""
        for one in list(self.clients.values()):
            self.close(one)

    def move(self) -> None:
        """Let all clients connect to the other node of the cluster, which has the retained messages and its own sessions."""
        self.hang_up()
        self.sessions, self.elsewhere = {}, self.sessions

    def move_back(self) -> None:
        """Let them return. What waits on the node that they leave is taken along, as a cluster redistributes it."""
        self.hang_up()
        self.sessions, left = self.elsewhere, self.sessions
        self.elsewhere = {}
        for one in [queued for session in left.values() for queued in session.queue]:
            self.publish(one.topic, one.payload)

    def lose_sessions(self) -> None:
        """Forget all sessions. What was queued is lost, unless it was acknowledged before."""
        self.hang_up()
        for session in self.sessions.values():
            self.lost += [one.payload for one in session.queue]
        self.sessions.clear()

    def lose_retained(self) -> None:
        """Forget all retained messages."""
        self.hang_up()
        self.retained.clear()
