"""Whether another client uses our client id. Then each connection of one ends that of the other, and both come back.

Some brokers send the reason (MQTT 5: Session taken over). Others only close the connection. One such end can have any
cause. Several ends, each soon after a connection that worked, come from a rival or from a broker that hangs up on a
publication.
"""

import random
from datetime import timedelta
from typing import Final

from parking_gateway.broker.reasons import ConnectionClosed, SessionTakenOver

SOON: Final = timedelta(seconds=90)
"""A connection that lasts longer was not ended by a rival, because a rival comes back within a minute."""
_A_FEW: Final = 3
_LONGEST_WAIT: Final = 60.0

TAKEN_OVER: Final = (
    "Another client uses the same mqtt.client_id, {client_id}, and each connection ends the other:"
    " give every gateway a client id of its own"
)
HUNG_UP: Final = (
    "The broker closes every connection soon after it was made, and gives no reason. Probably another client uses the same"
    " mqtt.client_id, {client_id}: give every gateway one of its own. Or the broker hangs up on a publication that its ACL"
    " forbids: let us write below publication.root"
)


class Rivalry:
    """Counts connections that worked and were ended by the broker, one soon after the other."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id
        self._ends = 0
        self._is_taken_over = False

    def ended(self, error: BaseException, *, has_worked: bool, lasted: timedelta) -> None:
        """Count a connection, or the attempt to make one, that ended with this error."""
        if lasted >= SOON:
            self.explained()
        if isinstance(error, SessionTakenOver):
            self._ends, self._is_taken_over = self._ends + 1, True
        elif self._is_end_of_rivals(error, has_worked=has_worked):
            self._ends += 1
        else:
            self.explained()

    def _is_end_of_rivals(self, error: BaseException, *, has_worked: bool) -> bool:
        # A rival that is proven may come before a connection has worked. And a broker that closes with packets of ours
        # unread resets the connection, so that its reason is lost on the way.
        if self._is_taken_over:
            return has_worked or isinstance(error, ConnectionClosed | ConnectionResetError)
        return has_worked and isinstance(error, ConnectionClosed)

    def explained(self) -> None:
        """Count from zero, because the last connections ended for another reason."""
        self._ends, self._is_taken_over = 0, False

    @property
    def complaint(self) -> str | None:
        """A sentence for a person. None: no end points to a rival."""
        if self._is_taken_over:
            return TAKEN_OVER.format(client_id=self._client_id)
        return HUNG_UP.format(client_id=self._client_id) if self._ends >= _A_FEW else None

    def wait(self) -> float:
        """Seconds until the next connection, beyond the usual ones: the more ends, the longer, up to a minute."""
        if self._ends < _A_FEW:
            return 0.0
        longest = min(2.0 ** (self._ends - _A_FEW + 1), _LONGEST_WAIT)
        # Random, so that two rivals do not return in step.
        return random.uniform(longest / 2, longest)  # noqa: S311 - no secret
