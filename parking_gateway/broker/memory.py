"""Whether the broker still holds what it was told to retain."""

from datetime import timedelta

from parking_gateway.broker.link import connected
from parking_gateway.config.mqtt import MqttConfig


async def remembers(config: MqttConfig, topic: str, *, protocol: str) -> bool:
    """Whether the broker retains a message on `topic`. Asked over a connection of its own, which leaves no session.

    `protocol` is the one that it is known to speak. A broker that is slow to hand it out may be wronged: then it is told everything again, which does no harm.
    """
    asking = config.model_copy(
        update={"client_id": f"{config.client_id}-asks", "session_expiry": timedelta(0), "protocol": protocol}
    )
    async with connected(asking, will=None, inbox_limit=10, window=1) as link:
        await link.subscribe(topic)
        # What is retained comes with the answer or right after it, and surely before the answer to a second question.
        await link.subscribe(topic)
        return link.waiting > 0
