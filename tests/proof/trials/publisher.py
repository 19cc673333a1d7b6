"""A hostile publisher, who may write on `application/#` only.

The hostile requester of T18 comes with the requests themselves.
"""

import json
from contextlib import suppress
from functools import partial

import aiomqtt

from parking_gateway.cli.demo.brokers import LOCALHOST
from parking_gateway.cli.demo.retained import ROOT, read_retained
from tests.events import topic_of, up
from tests.proof.rig import Rig
from tests.proof.trial import trial
from tests.whole_gateway import until

_ACL = """
topic readwrite #

user hostile
topic write application/#
"""
_FORGED = b"forged"
_OURS = (f"{ROOT}/spaces/central/level-1/A-1", f"{ROOT}/gateways/test", f"{ROOT}/devices/x")
_EUI = "a840410000000001"
_PAYLOADS = (
    b"",
    b"\xff{",
    b"[" * 50_000,
    b"x" * 1_000_000,
    b'{"deviceInfo": null}',
    up("../../gateways/test"),
    up("+/#"),
    up("x\n" + json.dumps({"message": "Forged"})),
)
_TOPICS = (topic_of(_EUI), topic_of("..%2f.."), "application/a/device/$share/event/up")
"""Mosquitto hangs up on wildcards and on control characters in a topic."""
_FLOOD = 100
_RECEIVED = 'parking_gateway_messages_received_total{event="up"}'


@trial("T18", "a hostile publisher: bad bytes, wrong names, 1 MB, forged topics of ours, floods", short=1, long=10)
async def hostile(rig: Rig, times: int) -> None:
    acl = rig.folder / "acl"
    acl.write_text(_ACL)
    acl.chmod(0o644)
    rig.configure_broker(f"acl_file {acl}\n")
    await rig.start_gateway()
    async with rig.load.steady(100):
        for _ in range(times):
            await rig.pause(0.3, 0.6)
            before = rig.gateway.metric(_RECEIVED)
            sent = await _publish_all(rig)
            await until(partial(_has_received, rig, before + sent), "the hostile messages")
            rig.happened(sent)
            await rig.recover()
    assert _FORGED not in (await read_retained(rig.broker.url, ROOT)).values()
    lines = [json.loads(line) for line in rig.gateway.log.read_text().splitlines()]
    assert "Forged" not in {line["message"] for line in lines}
    rig.reports.append("no forged topic, and no forged line of the log")


async def _publish_all(rig: Rig) -> int:
    """Publish everything, as a user of the broker of its own. Returns how many of the messages are on topics of events."""
    events = [(topic, payload) for topic in _TOPICS for payload in _PAYLOADS]
    events += [(topic_of(_EUI), b"flood %d" % number) for number in range(_FLOOD)]
    for topic in _OURS:
        with suppress(aiomqtt.MqttError):  # the broker may refuse it, or hang up
            async with _client(rig) as client:
                await client.publish(topic, _FORGED, qos=1, retain=True)
    async with _client(rig) as client:
        for topic, payload in events:
            await client.publish(topic, payload, qos=1)
    return len(events)


def _client(rig: Rig) -> aiomqtt.Client:
    return aiomqtt.Client(LOCALHOST, rig.broker.port, username="hostile", protocol=aiomqtt.ProtocolVersion.V5)


async def _has_received(rig: Rig, messages: float) -> bool:
    return rig.gateway.metric(_RECEIVED) >= messages
