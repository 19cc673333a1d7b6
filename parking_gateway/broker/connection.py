"""The interface of a connection to the broker, as `link` needs it.

`fast` reads and writes the packets of QoS 1 itself, `plain` leaves all packets to paho. Only `choosing` imports both.
"""

from abc import abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from parking_gateway.broker.answers import Answers
from parking_gateway.broker.inbox import Inbox
from parking_gateway.broker.message import Message
from parking_gateway.contract.publication import Publication


class BrokerConnection(Protocol):
    """Made when it is entered, ended when it is left. Its end wakes every task that waits at `inbox` or `answers`."""

    inbox: Inbox
    """Messages that were received and not taken yet."""
    answers: Answers
    """Publications that were sent and not answered yet."""
    timeout: float
    """Seconds after which a silent broker is given up."""
    session_present: bool
    """Whether the broker had a session for our client id."""
    receive_maximum: int
    """How many publications may be under way at a time (MQTT 5)."""
    shares: bool
    """Whether the broker does not deny shared subscriptions (MQTT 5)."""
    retains: bool
    """Whether the broker does not deny retained messages (MQTT 5)."""
    session_seconds: int | None
    """For how long the broker keeps the session, if that is not as long as we asked for (MQTT 5)."""

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Connect. Raises MqttError or OSError; ProtocolUnknown where another version of MQTT may help."""

    @abstractmethod
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Disconnect; after an exception hang up, so that the broker publishes the will."""

    @property
    @abstractmethod
    def is_connected(self) -> bool:
        """Whether no end of the connection was seen yet."""

    @abstractmethod
    def lost(self) -> BaseException:
        """The error that ended the connection: an MqttError, or a bug."""

    @abstractmethod
    def is_silent(self, seconds: float) -> bool:
        """Whether the broker has sent nothing for so long. Its answers come behind the messages that it sent before."""

    @abstractmethod
    def read_on(self) -> None:
        """Read at full speed again if enough messages were taken."""

    @abstractmethod
    async def subscribe(self, topic_filters: Sequence[str]) -> list[str]:
        """Subscribe at QoS 1, as one packet. Return the filters that the broker grants at QoS 0.

        Raises MqttError when the broker refuses one, is silent or lost.
        """

    @abstractmethod
    async def unsubscribe(self, topic_filters: Sequence[str]) -> None:
        """Unsubscribe, as one packet. Raises MqttError when the broker is silent or lost."""

    @abstractmethod
    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Send the PUBACKs of these messages, in their order; nothing over a connection that is lost."""

    @abstractmethod
    def send(self, publications: Sequence[Publication]) -> None:
        """Send these at QoS 1 and add them to `answers`. Raises MqttError when the connection is lost."""
