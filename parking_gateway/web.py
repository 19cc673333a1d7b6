"""The only HTTP: /metrics for Prometheus, /healthz and /readyz for whoever restarts us or sends traffic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler

from parking_gateway.config import Address
from parking_gateway.telemetry import Health, Metrics


class AddressUnavailableError(Exception):
    """Nothing can be served at the configured address. The message says why, and what to do."""


@asynccontextmanager
async def serve(listen: Address | None, *, metrics: Metrics, health: Health) -> AsyncIterator[Address | None]:
    """Serve within it; gives the address that is really bound. None serves nothing.

    Raises `AddressUnavailableError`.
    """
    if listen is None:
        yield None
        return
    runner = web.AppRunner(_application(metrics, health), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, listen.host, listen.port).start()
    except OSError as error:
        await runner.cleanup()
        reason = (error.strerror or "").rpartition(": ")[2]
        raise AddressUnavailableError(
            f"Nothing can be served at {listen}, {reason}: change telemetry.listen, or stop what listens there."
        ) from error
    host, port = runner.addresses[0][:2]
    try:
        yield Address(host, port)
    finally:
        await runner.cleanup()


def _application(metrics: Metrics, health: Health) -> web.Application:
    async def healthz(_request: web.Request) -> web.Response:
        stalled = health.stalled()
        return web.json_response({"healthy": not stalled, "stalled": stalled}, status=503 if stalled else 200)

    async def readyz(_request: web.Request) -> web.Response:
        missing = health.missing()
        return web.json_response({"ready": not missing, "missing": missing}, status=503 if missing else 200)

    application = web.Application()
    application.router.add_get("/metrics", make_aiohttp_handler(metrics.registry))
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    return application
