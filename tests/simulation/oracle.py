"""What has to be true at each acknowledgement, and at the end of a universe."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from parking_gateway.broker.message import Message
from parking_gateway.contract.rendering import rendered
from parking_gateway.core.due import Due, DueKind
from parking_gateway.store import tree
from tests.events import dev_eui_of
from tests.reference_model import Model
from tests.simulation.broker import Broker
from tests.simulation.faults import OUT_OF_ORDER, Fault
from tests.simulation.gateway import CONFIG, LOST_AFTER
from tests.simulation.machines import Machines
from tests.simulation.report import Reported
from tests.simulation.rows import Row, Transaction, executed
from tests.simulation.server import Server
from tests.simulation.statements import STATEMENTS
from tests.simulation.story import SPACES, Event
from tests.simulation.world import NOON, World

_ON_ITS_WAY: Final = 10.0
"""Seconds that an uplink may need to be recorded."""


class Oracle:
    """It knows what the sensors sent, and looks at what is durable."""

    def __init__(
        self,
        world: World,
        events: Sequence[Event],
        *,
        server: Server,
        machines: Machines,
        broker: Broker,
        reported: Reported,
    ) -> None:
        self._world = world
        self._events = {one.payload: one for one in events}
        self._server = server
        self._tables = server.tables
        self._machines = machines
        self._broker = broker
        self._reported = reported

    def recorded(self) -> Counter[Any]:
        """How often each uplink is in the database, by its key."""
        return Counter(row["deduplication_id"] for row in self._tables.rows["uplink"].values())

    def acknowledging(self, messages: Sequence[Message]) -> None:
        """The gateway acknowledges these now, so each has to be in the database or in the journal."""
        recorded = self.recorded()
        if any(self._events[one.payload].key not in recorded for one in messages):
            kept = {payload for disk in self._machines.disks for payload in disk.payloads()}
            early = [
                one.mid for one in messages if self._events[one.payload].key not in recorded and one.payload not in kept
            ]
            if early:
                self._world.mistakes.append(AssertionError(f"acknowledged before it is durable: messages {early}"))

    def is_settled(self) -> bool:
        """Whether nothing is left to do."""
        rows = self._tables.rows
        sessions = [self._broker.sessions.get(one) for one in self._machines.clients]
        if any(one is None or one.queue for one in sessions) or rows["late"] or rows["outgoing"]:
            return False
        if any(payload for disk in self._machines.disks for payload in disk.payloads()):
            return False
        devices = [row for kind in (DueKind.SPACE, DueKind.DEVICE) for row in rows[kind.value].values()]
        if self._ends_silent and any(row["contact"] == "live" for row in devices):
            return False  # no sensor sends any more
        return all(row["version"] == row["published_version"] for kind in DueKind for row in rows[kind.value].values())

    def judge(self) -> None:
        """At the end."""
        recorded = self.recorded()
        doubled = [key for key, times in recorded.items() if times > 1]
        assert not doubled, f"recorded twice: {doubled}"
        lost_by_broker = {self._events[one].key for one in self._broker.lost}
        lost = [one.key for one in self._events.values() if one.key not in recorded]
        may_be_lost = lost_by_broker | self._server.lost
        assert set(lost) <= may_be_lost, f"lost: {set(lost) - may_be_lost}"
        unexpected = recorded.keys() - {one.key for one in self._events.values()}
        assert not unexpected, f"nobody sent {unexpected}"
        happened = self._world.faults.happened
        if self._broker.known_sessions_lost and not (happened[Fault.POWER_CUT] or happened[Fault.MOVED]):
            assert self._reported.sessions_lost, "nobody noticed that the broker had lost the session"
        assert not self._reported.rejections, f"rejected: {self._reported.rejections}"
        for space in range(1, SPACES + 1):
            in_order = [one for one in self._events.values() if one.space == space and one.key in recorded]
            self._judge_space(space, sorted(in_order, key=lambda one: one.at))
        self._judge_silence()
        self._judge_versions()
        self._judge_published("transitions", "transition")
        self._judge_published("sessions", "past_stay")

    def _judge_silence(self) -> None:
        """Each silence is noticed once, and ended by an uplink. None is made up while uplinks of the sensor wait somewhere."""
        if not self._ends_silent:
            return
        kinds: dict[str, list[str]] = {}
        for _, row in sorted(self._tables.rows["notice"].items()):
            kinds.setdefault(row["dev_eui"], []).append(row["kind"])
        for dev_eui, found in kinds.items():
            wanted = ["silent", "heard_again"] * len(found)
            assert found == wanted[: len(found)], f"the notices of {dev_eui} are {found}"
            assert found[-1] == "silent", f"{dev_eui} is silent in the end, and its notices are {found}"
        if self._is_time_right and len(self._machines.clients) == 1:
            for row in self._tables.rows["notice"].values():
                if row["kind"] == "silent":
                    self._require_silence(row["dev_eui"], row["at"])

    def _require_silence(self, dev_eui: str, at: datetime) -> None:
        for one in self._events.values():
            is_there = one.arrives < (at - NOON).total_seconds() - _ON_ITS_WAY
            if is_there and dev_eui_of(one.space) == dev_eui and at - LOST_AFTER < one.heard_at < at:
                raise AssertionError(f"{dev_eui} is called silent at {at}, and was heard at {one.heard_at}")

    @property
    def _ends_silent(self) -> bool:
        """Whether every silence is seen soon. A gateway whose clock was wrong dates what it hears by it."""
        happened = self._world.faults.happened
        return not (happened[Fault.CLOCK_FORWARD] or happened[Fault.CLOCK_BACK])

    @property
    def _is_time_right(self) -> bool:
        happened = self._world.faults.happened
        return not (
            happened[Fault.CLOCK_BACK] or happened[Fault.CLOCK_FORWARD] or self._broker.lost or self._server.lost
        )

    def _judge_versions(self) -> None:
        """Who keeps the highest version of each space has what is retained."""
        for topic, highest in self._broker.highest.items():
            payload = self._broker.retained.get(topic, b"{}")
            found = msgspec.json.decode(payload).get("version", highest)
            assert found >= highest, f"{topic} was published with version {highest}, and now has {found}"

    def _judge_published(self, folder: str, table: str) -> None:
        """Every row was published once at least."""
        prefix = f"{CONFIG.publication.root}/{folder}/"
        published: dict[int, Any] = {}
        for one in [
            msgspec.json.decode(payload) for topic, payload in self._broker.published if topic.startswith(prefix)
        ]:
            known = published.setdefault(one["id"], one)
            assert known == one, f"{folder}: two with one id: {known} and {one}"
        rows = self._tables.rows[table]
        missing = [key for key, row in rows.items() if row["withdrawn_at"] is None and key not in published]
        assert not missing, f"not published to {folder}: {missing}"
        if not any(self._world.faults.happened[one] for one in OUT_OF_ORDER):
            wrong = [key for key, row in rows.items() if row["withdrawn_at"] is not None]
            assert not wrong, f"corrected, although everything came in order: {table} {wrong}"

    def _judge_space(self, space: int, events: Sequence[Event]) -> None:
        expected = list(_steps(events))
        is_timed = not self._world.faults.happened[Fault.CLOCK_BACK]
        found = [(row["from"], row["to"], row["cause"], row["at"] if is_timed else None) for row in self._log(space)]
        wanted = [(before, after, str(one.key), one.heard_at if is_timed else None) for before, after, one in expected]
        assert found == wanted, f"the log of space {space} is {found} and should be {wanted}"
        row = self._tables.rows["space"][space]
        assert row["state"] == (wanted[-1][1] if wanted else "FREE"), f"space {space} shows {row['state']}"
        stays = [(row["arrival"], row["departure"]) for row in self._stays(space)]
        causes = [str(one.key) for _, _, one in expected]
        ended = list(zip(causes[::2], causes[1::2], strict=False))
        if not is_timed:  # they can be dated alike
            stays, ended = sorted(stays), sorted(ended)
        assert stays == ended, f"the stays of space {space} are {stays} and should be {ended}"
        present = causes[-1] if len(causes) % 2 else None
        assert row["arrival"] == present, f"the car on space {space} came by {row['arrival']}, not {present}"

    def _log(self, space: int) -> list[Row]:
        rows = [row for row in self._tables.rows["transition"].values() if row["space"] == space]
        return sorted((row for row in rows if row["withdrawn_at"] is None), key=lambda row: (row["at"], row["id"]))

    def _stays(self, space: int) -> list[Row]:
        rows = [row for row in self._tables.rows["past_stay"].values() if row["space"] == space]
        valid = [row for row in rows if row["withdrawn_at"] is None]
        return sorted(valid, key=lambda row: (row["arrived_at"], row["id"]))

    def wrong_topics(self) -> list[tuple[str, bytes | None, bytes | None]]:
        """Topics on which the broker retains something else than the database has, with both."""
        transaction = Transaction(self._tables)
        wanted: dict[str, bytes] = {}
        for kind in DueKind:
            query = tree.page(kind, after=None)
            due: list[Due] = query.read(executed(STATEMENTS[query.statement.name](transaction, query.arguments)))
            wanted |= {one.topic: one.payload for one in rendered(CONFIG.publication.root, due) if one.retain}
        folder = f"{CONFIG.publication.root}/gateways/"
        found = {topic: one for topic, one in self._broker.retained.items() if not topic.startswith(folder)}
        topics = sorted(wanted.keys() | found.keys())
        return [(one, found.get(one), wanted.get(one)) for one in topics if found.get(one) != wanted.get(one)]


def _steps(events: Sequence[Event]) -> Iterator[tuple[str, str, Event]]:
    """The steps of a space, as the reference model has them."""
    model = Model(grace=15, soon=0, keeps=False)
    for one in events:
        before = model.state
        model.arrive() if one.is_occupied else model.leave()
        if model.state != before:
            yield before, model.state, one
