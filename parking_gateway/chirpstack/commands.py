"""A downlink as ChirpStack reads it from MQTT, in JSON or in protobuf. Pure."""

import re
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from parking_gateway.chirpstack.protobuf_messages import messages

Format = Literal["json", "protobuf"]
_encode: Final = msgspec.json.Encoder().encode


class DownlinkCommand(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """ChirpStack's `integration.DownlinkCommand`."""

    id: UUID
    """The id in its queue. A queue that has it refuses the command."""
    dev_eui: str
    confirmed: bool
    f_port: int
    data: bytes
    expires_at: datetime
    """ChirpStack drops the downlink then."""

    def encoded(self, form: Format) -> bytes | None:
        """The bytes in the form that ChirpStack is configured for. None: the package for protobuf is not installed."""
        if form == "json":
            return _encode(self)
        package = messages()
        if package is None:
            return None
        command = package.events.DownlinkCommand(
            id=str(self.id), dev_eui=self.dev_eui, confirmed=self.confirmed, f_port=self.f_port, data=self.data
        )
        command.expires_at.FromDatetime(self.expires_at)
        found: bytes = command.SerializeToString()
        return found


def topic_of(template: str, application: str, dev_eui: str) -> str | None:
    """The topic of a device's downlinks. None: the id of the application is none, as in a forged event."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", application):
        return None
    return template.replace("{application}", application).replace("{device}", dev_eui)
