"""The check of the connections that leave this machine: are they encrypted, and is the other side verified."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from parking_gateway.cli.doctor.surroundings import Check
from parking_gateway.process.config import Config
from parking_gateway.process.config.database_url import parameters
from parking_gateway.store.encryption import is_local

_VERIFYING: Final = ("verify-full", "verify-ca")
_CHOSEN: Final = {
    "disable": "is not encrypted, as sslmode=disable demands: whoever can read the network reads everything",
    "require": "is encrypted, and the server is not verified (sslmode=require): another machine could take its place",
}


def examine_encryption(config: Config) -> list[Check]:
    """The connections to other machines that are not encrypted or not verified. Empty: there are none."""
    return [*_broker(config), *_chirpstack(config), *_database(config), *_alerts(config)]


def _broker(config: Config) -> Iterator[Check]:
    hosts = [host for host in config.mqtt.hosts if not is_local(host)]
    if hosts and not config.mqtt.is_encrypted:
        detail = f"the connection to the broker at {', '.join(hosts)} is not encrypted, as mqtt.url demands"
        yield Check(about="encryption", detail=f"{detail}: whoever can read the network reads password and events")


def _chirpstack(config: Config) -> Iterator[Check]:
    url = config.chirpstack.api_url
    if url is not None and not config.chirpstack.is_api_encrypted and not is_local(url.host or ""):
        detail = (
            f"the connection to the API of ChirpStack at {url.host} is not encrypted, as chirpstack.api_url demands"
        )
        yield Check(about="encryption", detail=f"{detail}: whoever can read the network reads the key")


def _alerts(config: Config) -> Iterator[Check]:
    alerts = config.alerts
    urls = [urlsplit(url.get_secret_value()) for url in alerts.webhooks]
    hosts = [url.hostname or "" for url in urls if url.scheme == "http" and not is_local(url.hostname or "")]
    where = {"webhooks": ", ".join(dict.fromkeys(hosts)), "smtp_encryption": ""}
    if alerts.mail_to and alerts.smtp_encryption == "none" and not is_local(alerts.smtp_host or ""):
        where["smtp_encryption"] = alerts.smtp_host or ""
    for key, host in where.items():
        if host:
            detail = f"the alerts to {host} are not encrypted, as alerts.{key} demands"
            yield Check(about="encryption", detail=f"{detail}: whoever can read the network reads the notices")


def _database(config: Config) -> Iterator[Check]:
    if config.database.is_embedded or not config.database.is_set:
        return
    given = parameters(config.database.url.get_secret_value())
    hosts = [host for host in (given.get("hostaddr") or given.get("host", "")).split(",") if not is_local(host)]
    mode = given.get("sslmode", "prefer")
    if not hosts or mode in _VERIFYING or "service" in given or given.get("sslrootcert") == "system":
        return
    what = f"the connection to the database at {', '.join(hosts)}"
    if mode in _CHOSEN:
        yield Check(about="encryption", detail=f"{what} {_CHOSEN[mode]}")
        return
    yield Check(
        about="encryption",
        detail=f"{what} verifies nothing, and goes on without encryption if the server has none (sslmode={mode})",
        fix="Add to database.url: sslmode=verify-full&sslrootcert=FILE; or on a private network: sslmode=disable",
    )
