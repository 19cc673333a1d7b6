"""The gateway's own topics on MQTT: online, offline, and its health."""

from functools import partial

from parking_gateway.broker.link import Link
from parking_gateway.contract.gateways import GatewayMessage, gateway_publication
from parking_gateway.contract.publication import Publication
from parking_gateway.gateway import pulse
from parking_gateway.telemetry.report import Report


class Presence:
    """Publishes them for one gateway."""

    def __init__(self, *, root: str, instance: str, report: Report) -> None:
        self._root = root
        self._instance = instance
        self._report = report

    def will(self) -> Publication:
        """The publication for the broker to send if the connection is lost: the same "offline" as at a stop."""
        return gateway_publication(
            self._root, self._instance, GatewayMessage(status="offline", since=self._report.started)
        )

    async def begin(self, link: Link) -> None:
        """Publish "online" and the health."""
        online = GatewayMessage(status="online", since=self._report.started)
        await self._publish(link, gateway_publication(self._root, self._instance, online), self._health(link))

    async def keep(self, link: Link) -> None:
        """Publish the health whenever it changes, until cancelled."""
        await pulse.report(partial(self._publish_health, link), self._report.health)

    async def end(self, link: Link) -> None:
        """Publish "offline"."""
        await self._publish(link, self.will())

    async def _publish_health(self, link: Link) -> None:
        await self._publish(link, self._health(link))

    async def _publish(self, link: Link, *publications: Publication) -> None:
        self._report.refused(await link.publish(publications))

    def _health(self, link: Link) -> Publication:
        return gateway_publication(self._root, self._instance, self._report.health_message(inbox=link.waiting))
