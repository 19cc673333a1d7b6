"""TLS to the broker: its context, and its errors in words for a person."""

import ssl
from collections.abc import Mapping
from typing import Final

import aiomqtt

from parking_gateway.process.config.mqtt import MqttConfig

_OURS: Final = "renew or replace the file of mqtt.cert_file, or let the broker trust its authority"
_PORT: Final = "correct the port of mqtt.url, or switch TLS on in the broker"
_WORDS: Final[Mapping[str, str]] = {
    "certificate has expired": "its certificate has expired: renew it on the broker",
    "certificate is not yet valid": "its certificate is not valid yet: set the clock of this machine, or wait",
    "hostname mismatch": "its certificate is for another name: use a name of the certificate in mqtt.url",
    "ip address mismatch": "its certificate is for another address: use a name of the certificate in mqtt.url",
    "certificate verify failed": (
        "its certificate is of an authority that is not trusted here: set mqtt.ca_file to the certificate of that authority"
    ),
    "certificate required": "it demands a certificate of the gateway: set mqtt.cert_file and mqtt.key_file",
    "alert handshake failure": "it refuses the handshake; perhaps it demands mqtt.cert_file and mqtt.key_file",
    "alert unknown ca": f"it does not trust the authority of the gateway's certificate: {_OURS}",
    "alert certificate expired": f"the gateway's certificate has expired: {_OURS}",
    "alert bad certificate": f"it refuses the gateway's certificate: {_OURS}",
    "alert certificate revoked": f"the gateway's certificate is revoked: {_OURS}",
    "alert unsupported certificate": f"it refuses the kind of the gateway's certificate: {_OURS}",
    "wrong version number": f"it has no TLS on this port: {_PORT}",
    "unexpected eof": f"it hung up, perhaps because it has no TLS on this port: {_PORT}",
    "reset by peer": f"it hung up, perhaps because it has no TLS on this port: {_PORT}",
}
"""By the words of OpenSSL, the most special first."""


def context_of(config: MqttConfig) -> ssl.SSLContext:
    """The context of a connection. Raises MqttError where the files cannot be used."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise aiomqtt.MqttError(f"mqtt.ca_file, {config.ca_file}, cannot be used: {_reason(error)}") from error
    if config.cert_file is None:
        return context
    # Without a password, even an empty one, OpenSSL asks for one at the terminal.
    password = config.key_password.get_secret_value() if config.key_password else ""
    try:
        context.load_cert_chain(config.cert_file, config.key_file, password=password)
    except (ssl.SSLError, OSError) as error:
        raise aiomqtt.MqttError(
            f"mqtt.cert_file and mqtt.key_file cannot be used: {_reason(error)}; see also mqtt.key_password"
        ) from error
    return context


def in_words(error: str, address: object) -> str | None:
    """The meaning of an error of TLS, and what to do. None: it is another error."""
    text = error.lower().replace("_", " ")
    words = next((words for sign, words in _WORDS.items() if sign in text), None)
    if words is not None:
        return f"No TLS with the broker at {address}: {words} ({error})"
    return f"No TLS with the broker at {address} ({error})" if "ssl" in text else None


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
