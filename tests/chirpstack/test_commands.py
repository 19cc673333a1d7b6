"""A downlink as ChirpStack reads it, in both forms, and its topic."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from chirpstack_api import integration
from google.protobuf import json_format

from parking_gateway.chirpstack import commands
from parking_gateway.chirpstack.commands import DownlinkCommand, topic_of

COMMAND = DownlinkCommand(
    id=UUID("8b2f0a3e-62a6-4a6b-9f0e-0f4d6f4a1c11"),
    dev_eui="ca10000000000001",
    confirmed=True,
    f_port=15,
    data=b"\x00\x00\xff\xff\x00",
    expires_at=datetime(2026, 11, 27, 12, 0, 30, tzinfo=UTC),
)


def test_json_and_protobuf_are_one_command_for_chirpstack() -> None:
    """Its own messages read both."""
    in_json, in_protobuf = COMMAND.encoded("json"), COMMAND.encoded("protobuf")
    assert in_json is not None
    assert in_protobuf is not None
    assert json.loads(in_json) == {
        "id": "8b2f0a3e-62a6-4a6b-9f0e-0f4d6f4a1c11",
        "devEui": "ca10000000000001",
        "confirmed": True,
        "fPort": 15,
        "data": "AAD//wA=",
        "expiresAt": "2026-11-27T12:00:30Z",
    }
    read = json_format.Parse(in_json, integration.DownlinkCommand())
    assert read == integration.DownlinkCommand.FromString(in_protobuf)


def test_without_the_package_there_is_no_protobuf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "messages", lambda: None)
    assert COMMAND.encoded("protobuf") is None


@pytest.mark.parametrize(
    ("application", "topic"),
    [
        ("a4d93f72-f38e", "eu/application/a4d93f72-f38e/device/ca1/command/down"),
        ("a/b", None),
        ("#", None),
        ("", None),
    ],
)
def test_the_topic_has_the_ids_of_application_and_device(application: str, topic: str | None) -> None:
    """A forged event must not choose the topic."""
    assert topic_of("eu/application/{application}/device/{device}/command/down", application, "ca1") == topic
