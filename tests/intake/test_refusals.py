"""Each failure of the API is a sentence with a remedy. The details are those of real servers."""

import pytest

from parking_gateway.intake.refusals import Refused, unanswered

URL = "http://chirpstack:8080"
_CONNECT = "failed to connect to all addresses; last error: "


@pytest.mark.parametrize(
    ("code", "details", "sentence"),
    [
        ("UNAUTHENTICATED", "InvalidSignature", "refuses chirpstack.api_key (InvalidSignature)"),
        ("UNAUTHENTICATED", "", "it was removed, or it is of another tenant"),
        ("PERMISSION_DENIED", "", "create a key for all tenants"),
        ("INTERNAL", "XREAD event stream: timed out", "look at its Redis and its database (XREAD event stream"),
        ("INTERNAL", "one\nline", r"one\nline"),
        ("UNIMPLEMENTED", "", "is not the API of ChirpStack 4"),
        ("UNAVAILABLE", f"{_CONNECT}UNKNOWN: ipv4:127.0.0.1:1: Connection refused", "cannot be reached"),
        (
            "UNAVAILABLE",
            f"{_CONNECT}ipv4:127.0.0.1:1: Failed parsing HTTP/2 (Expected SETTINGS frame as the first frame)",
            "a proxy before it has to pass HTTP/2 on",
        ),
        ("UNAVAILABLE", "Received http2 header with status: 502", "status: 502"),
        (
            "UNAVAILABLE",
            "Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: OPENSSL_internal:WRONG_VERSION_NUMBER",
            "has no TLS (http://chirpstack:8080): write http://",
        ),
        ("UNAVAILABLE", "OPENSSL_internal:CERTIFICATE_VERIFY_FAILED", "chirpstack.api_ca_file"),
        ("RESOURCE_EXHAUSTED", "too much", "RESOURCE_EXHAUSTED (too much)"),
    ],
)
def test_a_failure_has_a_remedy(code: str, details: str, sentence: str) -> None:
    assert sentence in str(unanswered(code, details, url=URL))


def test_only_a_refusal_needs_a_person() -> None:
    assert isinstance(unanswered("UNAUTHENTICATED", "", url=URL), Refused)
    assert not isinstance(unanswered("INTERNAL", "", url=URL), Refused)
