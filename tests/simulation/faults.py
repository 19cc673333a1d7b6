"""What goes wrong in a universe, by its dice, and how often each kind of fault has happened."""

from collections import Counter
from enum import StrEnum
from random import Random
from typing import Final


class Fault(StrEnum):
    """A kind of fault. Each is counted when it happens, and not when it is planned."""

    POWER_CUT = "the power of the gateway is cut"
    STATEMENT_LOST = "the connection to the database is lost before a statement arrives"
    TRANSACTION_LOST = "the connection to the database is lost between a statement and its commit"
    ANSWER_LOST = "the answer to a commit is lost"
    COMMIT_REFUSED = "the database refuses a commit for now"
    DATABASE_AWAY = "the database is away"
    DATABASE_DEAF = "the database takes connections and does not answer"
    BROKER_HANGS_UP = "the broker hangs up"
    BROKER_AWAY = "the broker is away"
    ACKNOWLEDGEMENT_LOST = "an acknowledgement does not reach the broker"
    PUBLICATION_LOST = "a publication does not reach the broker"
    ANSWER_OF_BROKER_LOST = "the answer to a publication is lost"
    SESSION_LOST = "the broker loses the session"
    RETAINED_LOST = "the broker loses all retained messages"
    SENT_TWICE = "the network server publishes an event twice"
    OVERTAKEN = "the broker lets an event overtake the one before it"
    SILENT = "all sensors are silent for longer than they may be"
    LATE = "an uplink comes minutes late"
    CLOCK_FORWARD = "the gateway's clock steps forward"
    CLOCK_BACK = "the gateway's clock steps back"
    WRONG_DEVICE_CLOCK = "a LoRaWAN gateway dates an uplink by a wrong clock"
    DISK_FULL = "the disk of the journal is full"
    JOURNAL_FULL = "the journal is full"
    FAILED_OVER = "a standby that lacks the last commits takes over the database"
    RESTORED = "the database is restored from a backup"
    SHUFFLED = "the broker delivers events in any order"
    AGAIN_BEHIND = "the broker delivers again behind newer events"
    MOVED = "a cluster of brokers moves the gateway to a node without its session"
    SHARED = "two gateways share a subscription"
    BESIDE = "two gateways each get every event"


_USUAL: Final = {
    Fault.POWER_CUT: 0.01,
    Fault.STATEMENT_LOST: 0.02,
    Fault.TRANSACTION_LOST: 0.02,
    Fault.ANSWER_LOST: 0.03,
    Fault.COMMIT_REFUSED: 0.02,
    Fault.BROKER_HANGS_UP: 0.02,
    Fault.ACKNOWLEDGEMENT_LOST: 0.02,
    Fault.PUBLICATION_LOST: 0.005,
    Fault.ANSWER_OF_BROKER_LOST: 0.005,
    Fault.SENT_TWICE: 0.03,
    Fault.OVERTAKEN: 0.04,
    Fault.SHUFFLED: 0.04,
    Fault.AGAIN_BEHIND: 0.3,
    Fault.SILENT: 0.02,
    Fault.LATE: 0.04,
    Fault.WRONG_DEVICE_CLOCK: 0.04,
}
"""How probable a fault is whenever it can happen."""
_LASTING: Final = (
    Fault.DATABASE_AWAY,
    Fault.DATABASE_DEAF,
    Fault.BROKER_AWAY,
    Fault.SESSION_LOST,
    Fault.RETAINED_LOST,
    Fault.CLOCK_FORWARD,
    Fault.CLOCK_BACK,
    Fault.DISK_FULL,
    Fault.FAILED_OVER,
    Fault.RESTORED,
    Fault.MOVED,
)
"""These come at a time and not at an action."""
OUT_OF_ORDER: Final = frozenset(
    {
        Fault.LATE,
        Fault.OVERTAKEN,
        Fault.SHUFFLED,
        Fault.AGAIN_BEHIND,
        Fault.MOVED,
        Fault.CLOCK_BACK,
        Fault.WRONG_DEVICE_CLOCK,
        Fault.FAILED_OVER,
        Fault.RESTORED,
        Fault.SHARED,
        Fault.BESIDE,
    }
)
"""Only these can put uplinks of a sensor out of their order, so that the past has to be corrected."""


class Faults:
    """The faults of one universe: some kinds, because what happens all the time hides what happens seldom."""

    def __init__(self, dice: Random) -> None:
        self.happened: Counter[Fault] = Counter()
        self._dice = dice
        self._rates = {one: rate * dice.choice([0.5, 1, 3]) for one, rate in _USUAL.items() if dice.random() < 0.4}
        self.lasting = [one for one in _LASTING if dice.random() < 0.3]
        """The kinds that come at a time."""
        self.is_in_order = dice.random() < 0.5
        """Whether nothing puts uplinks out of their order."""
        if self.is_in_order:
            self._rates = {one: rate for one, rate in self._rates.items() if one not in OUT_OF_ORDER}
            self.lasting = [one for one in self.lasting if one not in OUT_OF_ORDER]
        if Fault.CLOCK_BACK in self.lasting:
            # With both clocks wrong, nothing is left that could show the time.
            self._rates.pop(Fault.WRONG_DEVICE_CLOCK, None)
        if Fault.FAILED_OVER in self.lasting and Fault.RESTORED in self.lasting:
            self.lasting.remove(Fault.FAILED_OVER)

    def strikes(self, fault: Fault) -> bool:
        """Whether this fault happens now."""
        rate = self._rates.get(fault)
        if rate is None or self._dice.random() >= rate:
            return False
        if fault is not Fault.POWER_CUT:  # it happens a moment later, unless the gateway is without power already
            self.happened[fault] += 1
        return True

    def end(self) -> None:
        """From now on nothing goes wrong."""
        self._rates = {}
