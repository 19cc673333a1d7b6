"""The files of TLS, loaded as a connection would load them."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from parking_gateway.process.config.mqtt import MqttConfig


class _Encrypted(Exception):  # noqa: N818 - it names the state of the key
    """The key is protected by a password."""


def unusable_files(config: MqttConfig) -> Iterator[tuple[str, str]]:
    """The `section.key` of each file that no connection could use, with what is wrong and what to do."""
    files = {"mqtt.ca_file": config.ca_file, "mqtt.cert_file": config.cert_file}
    unusable = [key for key, file in files.items() if file is not None and not _holds_certificates(file)]
    for key in unusable:
        yield key, f"names a file that holds no certificate in PEM ({files[key]}): convert it, or name another"
    if config.cert_file is None or config.key_file is None or "mqtt.cert_file" in unusable:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(config.cert_file, config.key_file, password=_refuse)
    except _Encrypted:
        yield "mqtt.key_file", f"names a key that a password protects ({config.key_file}): store it without one"
    except (ssl.SSLError, OSError) as error:
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
