"""`doctor` tries the abilities of the broker that the gateway relies on, and leaves nothing behind."""

from pathlib import Path

import pytest

from parking_gateway.cli.demo.brokers import Broker
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.cli.doctor.promises import examine_promises
from parking_gateway.process.config import Config, load
from tests.plugins.broker import Configured


def config_for(broker: Broker, **mqtt: object) -> Config:
    return load(overrides={"mqtt": {"url": broker.url, **mqtt}, "gateway": {"instance": "test"}})


def with_acl(configured: Configured, folder: Path, lines: str) -> Broker:
    acl = folder / "acl"
    acl.write_text(lines)
    acl.chmod(0o644)
    return configured(f"acl_file {acl}\n")


async def test_a_broker_that_keeps_its_promises_is_fine(mosquitto: Broker) -> None:
    """Nothing is left on it."""
    checks = await examine_promises(config_for(mosquitto, shared_group="group"))
    assert [(check.about, check.verdict) for check in checks] == [
        ("topics", "fine"),
        ("sharing", "fine"),
        ("retained", "fine"),
    ]
    assert await read_retained(mosquitto.url, ROOT) == {}


async def test_a_shared_group_that_gets_nothing_is_wrong(without_sharing: Broker) -> None:
    _, check, _ = await examine_promises(config_for(without_sharing, protocol="3.1.1", shared_group="group"))
    assert (check.about, check.verdict) == ("sharing", "wrong")
    assert "mqtt.shared_group" in str(check.fix)


async def test_retained_messages_that_no_wildcard_gets_are_wrong(without_wildcards: Broker) -> None:
    _, check = await examine_promises(config_for(without_wildcards, protocol="3.1.1"))
    assert (check.about, check.verdict) == ("retained", "wrong")
    assert "wildcards" in check.detail


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_retained_messages_that_the_broker_does_not_keep_are_wrong(configured: Configured, protocol: str) -> None:
    """In MQTT 5 it denies them, in 3.1.1 it hangs up."""
    broker = configured("retain_available false\n")
    *_, check = await examine_promises(config_for(broker, protocol=protocol))
    assert (check.about, check.verdict) == ("retained", "wrong")
    assert "retain_available true" in str(check.fix)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_topics_that_this_user_may_not_write_are_wrong(
    configured: Configured, tmp_path: Path, protocol: str
) -> None:
    """In 3.1.1 the broker confirms what its ACL forbids, so only the message that does not come back shows it."""
    allowed = ("spaces", "sites", "devices", "gateways")
    lines = "".join(f"topic readwrite {ROOT}/{family}/#\n" for family in allowed) + f"topic read {ROOT}/zones/#\n"
    (check,) = await examine_promises(config_for(with_acl(configured, tmp_path, lines), protocol=protocol))
    assert (check.about, check.verdict) == ("topics", "wrong")
    assert f"below {ROOT}/zones, {ROOT}/transitions do not" in check.detail
    assert f"topic readwrite {ROOT}/#" in str(check.fix)


async def test_topics_that_this_user_may_not_read_are_wrong(configured: Configured, tmp_path: Path) -> None:
    """The gateway could not read its marker, and would publish everything again at every connection."""
    (check,) = await examine_promises(config_for(with_acl(configured, tmp_path, f"topic write {ROOT}/#\n")))
    assert (check.about, check.verdict) == ("topics", "wrong")
    assert f"{ROOT}/gateways/test do not" in check.detail
