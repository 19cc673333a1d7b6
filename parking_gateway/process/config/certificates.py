"""The files of TLS, loaded as a connection would load them."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pydantic import SecretStr

from parking_gateway.process.config.mqtt import MqttConfig


class _Encrypted(Exception):  # noqa: N818 - it names the state of the key
    """The key is protected by a password."""


_OTHER_KEY = "KEY_VALUES_MISMATCH"
_LONGEST_PASSWORD = 1023
"""Bytes. OpenSSL refuses a longer one."""


def unusable_files(config: MqttConfig) -> Iterator[tuple[str, str]]:
    """The `section.key` of each file that no connection could use, with what is wrong and what to do."""
    files = {"mqtt.ca_file": config.ca_file, "mqtt.cert_file": config.cert_file}
    unusable = [key for key, file in files.items() if file is not None and not _holds_certificates(file)]
    for key in unusable:
        yield key, f"names a file that holds no certificate in PEM ({files[key]}): convert it, or name another"
    if config.cert_file is None or config.key_file is None or "mqtt.cert_file" in unusable:
        return
    yield from _unusable_key(config.cert_file, config.key_file, config.key_password)


def _unusable_key(certificate: Path, key: Path, secret: SecretStr | None) -> Iterator[tuple[str, str]]:
    password = None if secret is None else secret.get_secret_value()
    if password is not None and len(password.encode()) > _LONGEST_PASSWORD:
        yield "mqtt.key_password", f"must be at most {_LONGEST_PASSWORD} bytes long: OpenSSL takes no longer one"
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        try:
            context.load_cert_chain(certificate, key, password=_refuse)
        except _Encrypted:
            if password is None:
                yield (
                    "mqtt.key_file",
                    f"names a key that a password protects ({key}): set mqtt.key_password, or store it without one",
                )
                return
            context.load_cert_chain(certificate, key, password=password)
    except (ssl.SSLError, OSError) as error:
        if isinstance(error.__context__, _Encrypted) and getattr(error, "reason", None) != _OTHER_KEY:
            yield "mqtt.key_password", f"does not open the key in mqtt.key_file ({key}): correct it"
            return
        yield (
            "mqtt.key_file",
            f"names no key in PEM of the certificate in mqtt.cert_file ({_reason(error)}): name the key that it was made with",
        )


def _holds_certificates(file: Path) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except (ssl.SSLError, OSError):
        return False
    return True


def _refuse() -> NoReturn:
    raise _Encrypted


def _reason(error: OSError) -> str:
    """The reason of OpenSSL, in lower case. Errors of PEM have none."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or "no key was found").replace("_", " ").lower()
