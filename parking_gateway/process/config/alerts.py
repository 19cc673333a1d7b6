"""The section [alerts]: notices to webhooks and by e-mail."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AnyUrl,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic import TypeAdapter as Adapter

from parking_gateway.core.notice import NoticeKind
from parking_gateway.process.config.hosts import is_host
from parking_gateway.process.config.machine import ReadableFile
from parking_gateway.process.config.values import (
    OptionalSecret,
    OptionalText,
    Seconds,
    Section,
    WholeNumber,
    from_json,
    not_shorter,
)

_MOST: Final = 20
"""Webhooks or addresses. Each notice has a row for each webhook."""
_SHORTEST_SECRET: Final = 16
_ADDRESS: Final = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")
_URL: Final = Adapter(AnyUrl)


def _webhook(secret: SecretStr) -> SecretStr:
    """A URL. It is a secret, because many receivers know their senders by it."""
    refusal = "must be URLs that begin with http:// or https://, such as https://hooks.example.org/parking"
    try:
        url = _URL.validate_python(secret.get_secret_value())
    except ValidationError:
        raise ValueError(refusal) from None
    if url.scheme not in {"http", "https"} or not is_host((url.host or "").strip("[]")) or url.fragment is not None:
        raise ValueError(refusal)
    return secret


def _address(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not _ADDRESS.fullmatch(text):
        raise ValueError("must be addresses such as parking@example.org")
    return text


def _kinds_by_name(value: object) -> object:
    if isinstance(value, list | tuple) and set(map(str, value)) - set(NoticeKind):
        raise ValueError(f"must be kinds of notices: {', '.join(NoticeKind)}")
    return value


def _host(text: str | None) -> str | None:
    if text is not None and not is_host(text):
        raise ValueError("must be a host, such as mail.example.org")
    return text


Webhooks = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_webhook)], ...],
    from_json('["https://hooks.example.org/parking"]'),
    Field(max_length=_MOST),
]
Addresses = Annotated[
    tuple[Annotated[str, AfterValidator(_address)], ...], from_json('["parking@example.org"]'), Field(max_length=_MOST)
]
Address = Annotated[Annotated[str, AfterValidator(_address)] | None, BeforeValidator(lambda value: value or None)]
Kinds = Annotated[tuple[NoticeKind, ...], BeforeValidator(_kinds_by_name), from_json('["silent"]')]
Host = Annotated[OptionalText, AfterValidator(_host)]


class AlertsConfig(Section):
    """Notices to webhooks and by e-mail. Without `webhooks` and `mail_to` there are none."""

    webhooks: Webhooks = ()
    webhook_secret: OptionalSecret = None
    webhook_kinds: Kinds = ()
    mail_to: Addresses = ()
    mail_from: Address = None
    mail_kinds: Kinds = ()
    mail_interval: Seconds = timedelta(seconds=300)
    smtp_host: Host = None
    smtp_port: Annotated[WholeNumber, Field(ge=1, le=65535)] = 587
    smtp_encryption: Literal["starttls", "tls", "none"] = "starttls"
    smtp_username: OptionalText = None
    smtp_password: OptionalSecret = None
    ca_file: ReadableFile = None
    timeout: Seconds = timedelta(seconds=10)
    retry_wait_min: Seconds = timedelta(seconds=2)
    retry_wait_max: Seconds = timedelta(seconds=300)
    give_up_after: Seconds = timedelta(days=1)

    @field_validator("webhook_secret")
    @classmethod
    def _webhooks_are_signed(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if info.data.get("webhooks") and secret is None:
            raise ValueError("must be set with alerts.webhooks, because every message is signed with it")
        if secret is not None and len(secret.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} characters")
        return secret

    @field_validator("mail_from")
    @classmethod
    def _mail_has_a_sender(cls, sender: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("mail_to") and sender is None:
            raise ValueError("must be set with alerts.mail_to")
        return sender

    @field_validator("smtp_host")
    @classmethod
    def _mail_has_a_server(cls, host: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("mail_to") and host is None:
            raise ValueError("must be set with alerts.mail_to")
        return host

    @field_validator("smtp_password")
    @classmethod
    def _password_needs_a_name_and_encryption(
        cls, password: SecretStr | None, info: ValidationInfo
    ) -> SecretStr | None:
        if "smtp_username" in info.data and (password is None) != (info.data["smtp_username"] is None):
            raise ValueError("must be set together with alerts.smtp_username: set both, or none")
        if password is not None and info.data.get("smtp_encryption") == "none":
            raise ValueError("must not be set while alerts.smtp_encryption is none: everybody could read it")
        return password

    @field_validator("ca_file")
    @classmethod
    def _file_has_a_use(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and not (info.data.get("webhooks") or info.data.get("mail_to")):
            raise ValueError("must not be set without alerts.webhooks or alerts.mail_to")
        return file

    @field_validator("retry_wait_max")
    @classmethod
    def _longest_wait(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        return not_shorter(longest, info.data.get("retry_wait_min"), than="alerts.retry_wait_min")
