"""`doctor` tries the abilities of the broker that the gateway relies on, and leaves nothing behind."""

from pathlib import Path

from parking_gateway.broker.link import connected
from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.cli.doctor.promises import examine_promises
from parking_gateway.contract.messages import MarkerMessage, gateway_publication
from parking_gateway.process.config import Config, load
from tests.plugins.broker import Configured


def config_for(broker: Broker, **mqtt: object) -> Config:
    return load(overrides={"mqtt": {"url": broker.url, **mqtt}, "gateway": {"instance": "test"}})


async def retain_marker(config: Config) -> None:
    async with connected(config.mqtt, will=None, inbox_limit=1, window=1) as gateway:
        await gateway.publish([gateway_publication(ROOT, "test", MarkerMessage(number=1))])


async def test_a_broker_that_keeps_its_promises_is_fine(mosquitto: Broker) -> None:
    await retain_marker(config_for(mosquitto))
    assert await examine_promises(config_for(mosquitto)) == []
    (check,) = await examine_promises(config_for(mosquitto, shared_group="group"))
    assert (check.about, check.verdict) == ("sharing", "fine")
    assert list(await read_retained(mosquitto.url, ROOT)) == [f"{ROOT}/gateways/test/marker"]


async def test_a_shared_group_that_gets_nothing_is_wrong(without_sharing: Broker) -> None:
    (check,) = await examine_promises(config_for(without_sharing, protocol="3.1.1", shared_group="group"))
    assert (check.about, check.verdict) == ("sharing", "wrong")
    assert "mqtt.shared_group" in str(check.fix)


async def test_retained_messages_that_no_wildcard_gets_are_wrong(without_wildcards: Broker) -> None:
    config = config_for(without_wildcards, protocol="3.1.1")
    await retain_marker(config)
    (check,) = await examine_promises(config)
    assert (check.about, check.verdict) == ("retained", "wrong")


async def test_an_acl_that_hides_our_own_messages_is_wrong(configured: Configured, tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic write {ROOT}/#\n")
    acl.chmod(0o644)
    broker = configured(f"acl_file {acl}\n")
    (check,) = await examine_promises(config_for(broker))
    assert f"{ROOT}/gateways/test/#" in str(check.fix)
