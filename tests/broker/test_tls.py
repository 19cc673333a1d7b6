"""TLS with the broker is verified, each failure is a sentence with its remedy, and nothing is sent without encryption."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from parking_gateway.broker.link import MqttError
from parking_gateway.cli.demo.brokers import LOCALHOST, Broker
from tests.broker.conftest import Listening, PacketLog, Peer, Scripted, Settings
from tests.broker.links import EVENTS, link_to
from tests.plugins.tls import KEY_PASSWORD, Certificates, Unreadable

DEMANDING = "require_certificate true"


async def works(url: str, **mqtt: Any) -> None:
    async with link_to(url, **mqtt) as link:
        await link.subscribe(EVENTS)


async def refusal(url: str, **mqtt: Any) -> str:
    with pytest.raises(MqttError) as raised:
        await works(url, **mqtt)
    return str(raised.value)


async def test_an_authority_that_is_not_trusted(
    secured: Listening, certificates: Certificates, packet_log: PacketLog, mqtt: Settings
) -> None:
    """With a wrong mqtt.ca_file, and without any. The broker gets no CONNECT."""
    port = secured("log_type all")
    for ca_file in (certificates.other_ca, None):
        sentence = await refusal(f"mqtts://{LOCALHOST}:{port}", ca_file=ca_file, **mqtt)
        assert f"No TLS with the broker at {LOCALHOST}:{port}: its certificate is of an authority" in sentence
        assert "set mqtt.ca_file" in sentence
    assert packet_log.lines("Received CONNECT|New client connected") == []


async def test_a_certificate_for_another_host(secured: Listening, certificates: Certificates, mqtt: Settings) -> None:
    url = f"mqtts://127.0.0.2:{secured(address='127.0.0.2')}"
    sentence = await refusal(url, ca_file=certificates.ca, **mqtt)
    assert "its certificate is for another address: use a name of the certificate in mqtt.url" in sentence


async def test_an_expired_certificate(secured: Listening, certificates: Certificates, mqtt: Settings) -> None:
    sentence = await refusal(f"mqtts://{LOCALHOST}:{secured(is_expired=True)}", ca_file=certificates.ca, **mqtt)
    assert "its certificate has expired: renew it on the broker" in sentence


async def test_a_broker_that_demands_a_certificate(
    secured: Listening, certificates: Certificates, mqtt: Settings
) -> None:
    """With one it works, and each other certificate is a sentence of its own."""
    url = f"mqtts://{LOCALHOST}:{secured(DEMANDING)}"
    await works(url, ca_file=certificates.ca, cert_file=certificates.client, key_file=certificates.client_key, **mqtt)
    assert "it demands a certificate of the gateway: set mqtt.cert_file" in await refusal(
        url, ca_file=certificates.ca, **mqtt
    )
    expired = {"cert_file": certificates.expired_client, "key_file": certificates.expired_client_key}
    assert "the gateway's certificate has expired" in await refusal(url, ca_file=certificates.ca, **expired, **mqtt)
    foreign = {"cert_file": certificates.foreign_client, "key_file": certificates.foreign_client_key}
    assert "it does not trust the authority of the gateway's certificate" in await refusal(
        url, ca_file=certificates.ca, **foreign, **mqtt
    )


async def test_an_encrypted_key(secured: Listening, certificates: Certificates) -> None:
    """With its password it works. Without, and with a wrong one, nobody is asked at the terminal."""
    url = f"mqtts://{LOCALHOST}:{secured(DEMANDING)}"
    files = {"ca_file": certificates.ca, "cert_file": certificates.client, "key_file": certificates.client_locked_key}
    await works(url, key_password=KEY_PASSWORD, **files)
    for more in ({}, {"key_password": "wrong"}):
        sentence = await refusal(url, **files, **more)
        assert sentence.startswith("mqtt.cert_file and mqtt.key_file cannot be used")
        assert "mqtt.key_password" in sentence


async def test_files_that_vanished_or_hold_no_certificate(
    secured: Listening, certificates: Certificates, tmp_path: Path
) -> None:
    url = f"mqtts://{LOCALHOST}:{secured()}"
    (file := tmp_path / "file.pem").write_text("no certificate")
    assert f"mqtt.ca_file, {file}, cannot be used" in await refusal(url, ca_file=file)
    assert "mqtt.cert_file and mqtt.key_file cannot be used" in await refusal(
        url, ca_file=certificates.ca, cert_file=file, key_file=file
    )
    async with asyncio.timeout(10):
        with pytest.raises(MqttError, match=r"mqtt\.ca_file, .* cannot be used: No such file or directory"):
            async with _vanished(url, file):
                pass


def _vanished(url: str, file: Path) -> Any:
    made = link_to(url, ca_file=file)
    file.unlink()
    return made


async def test_a_port_without_tls_gets_nothing_but_a_handshake(scripted: Scripted, mosquitto: Broker) -> None:
    """The gateway does not fall back to a connection without encryption."""
    plain = mosquitto.url.replace("mqtt://", "mqtts://")
    assert "no TLS on this port: correct the port of mqtt.url" in await refusal(plain)
    received: list[int] = []

    async def converse(peer: Peer) -> None:
        first, _ = await peer.packet()
        received.append(first)
        await peer.send(b"\x20\x02\x00\x00\x00")

    url = (await scripted(converse)).replace("mqtt://", "mqtts://")
    assert "it has no TLS on this port" in await refusal(url, username="gateway", password="never sent")
    assert 0x10 not in received  # CONNECT
    assert received != []


def test_a_file_that_this_user_may_not_read_is_a_mistake(
    certificates: Certificates, tmp_path: Path, unreadable: Unreadable
) -> None:
    """And so is one that is not there: both before the gateway connects, with the key and the path."""
    (file := tmp_path / "ca.pem").write_bytes(certificates.ca.read_bytes())
    before = unreadable(file)
    for path, why in ((file, "Permission denied"), (tmp_path / "nothing", "No such file or directory")):
        command = [*before, sys.executable, "-m", "parking_gateway", "check-config"]
        environment = {"PARKING_GATEWAY_MQTT__URL": "mqtts://broker", "PARKING_GATEWAY_MQTT__CA_FILE": str(path)}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout) == (78, "")
        expected = f"PARKING_GATEWAY_MQTT__CA_FILE: mqtt.ca_file names a file that cannot be read ({path}: {why})."
        assert result.stderr.strip() == expected
