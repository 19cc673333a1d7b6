"""The section [database]: PostgreSQL."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, ValidationInfo, field_validator

from parking_gateway.process.config.values import (
    DatabaseUrl,
    Seconds,
    Section,
    ServerSeconds,
    WholeNumber,
    carriable,
    not_shorter,
)


class DatabaseConfig(Section):
    """PostgreSQL, and the limits of every wait for it."""

    url: DatabaseUrl = SecretStr("")
    prepare: bool = True
    pool_size: Annotated[WholeNumber, Field(ge=1, le=100)] = 5
    pool_timeout: Seconds = timedelta(seconds=10)
    connect_timeout: ServerSeconds = timedelta(seconds=10)
    statement_timeout: ServerSeconds = timedelta(seconds=30)
    lock_timeout: ServerSeconds = timedelta(seconds=10)
    application_name: Annotated[str, StringConstraints(min_length=1, max_length=63), AfterValidator(carriable)] = (
        "parking-gateway"
    )
    reconnect_wait_min: Seconds = timedelta(seconds=0.5)
    reconnect_wait_max: Seconds = timedelta(seconds=1)

    @property
    def is_set(self) -> bool:
        """Whether a database is configured. Without one, only commands work that need none."""
        return bool(self.url.get_secret_value())

    @property
    def is_embedded(self) -> bool:
        """Whether the gateway starts a PostgreSQL of its own."""
        return self.url.get_secret_value() == "embedded"

    @field_validator("lock_timeout")
    @classmethod
    def _locks_end_before_statements(cls, timeout: timedelta, info: ValidationInfo) -> timedelta:
        statement = info.data.get("statement_timeout")
        if statement is not None and timeout > statement:
            raise ValueError("must not be longer than database.statement_timeout")
        return timeout

    @field_validator("reconnect_wait_max")
    @classmethod
    def _longest_wait(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        return not_shorter(longest, info.data.get("reconnect_wait_min"), than="database.reconnect_wait_min")
