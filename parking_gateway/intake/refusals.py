"""Why ChirpStack does not give its events, as sentences with remedies. Pure."""

from typing import Final

from parking_gateway.core.printable import printable, shortened

NOT_INSTALLED: Final = (
    "chirpstack.api_url needs the package chirpstack-api: install parking-gateway[heal], or remove the key"
)
_OF_TLS: Final = ("CERTIFICATE", "SSL", "VERIFICATION")
"""Words of gRPC's errors of TLS. A wrong host is a "Hostname Verification Check"."""
_MOST_CHARS: Final = 200


class Unanswered(Exception):  # noqa: N818 - what happened, not a failure of ours
    """ChirpStack did not give the events. The message is a sentence with a remedy."""


class Silent(Unanswered):
    """ChirpStack gives no stored events of a device that it has heard."""

    def __init__(self) -> None:
        super().__init__(
            "ChirpStack gives no stored events of devices that it has heard: look whether its Redis answers, and whether"
            " monitoring.per_device_event_log_max_history in chirpstack.toml is 0"
        )


class Refused(Unanswered):
    """ChirpStack refuses the key, or a device to it. It does so again until a person acts."""


def unanswered(code: str, details: str, *, url: str) -> Unanswered:
    """What the failure of a call means. `code` and `details` are those of its status."""
    quoted = shortened(printable(details), _MOST_CHARS)
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        # ChirpStack explains a key that is none, and says nothing about a key without a right.
        reason = f" ({quoted})" if details else ": it was removed, or it is of another tenant"
        return Refused(
            f"ChirpStack refuses chirpstack.api_key{reason}; create a key for all tenants in ChirpStack (API keys)"
        )
    if code == "UNAVAILABLE":
        return Unanswered(_unavailable(details, url))
    if code == "UNIMPLEMENTED":
        return Unanswered(f"{url} is not the API of ChirpStack 4: correct chirpstack.api_url")
    if code == "INTERNAL":
        return Unanswered(f"ChirpStack cannot read what it has stored: look at its Redis and its database ({quoted})")
    return Unanswered(f"The API of ChirpStack failed ({url}): {code} ({quoted})")


def _unavailable(details: str, url: str) -> str:
    if "WRONG_VERSION_NUMBER" in details:
        return f"The API of ChirpStack has no TLS ({url}): write http:// in chirpstack.api_url"
    if any(sign in details.upper() for sign in _OF_TLS):
        return (
            f"The TLS of the API of ChirpStack cannot be verified ({url}): name the authority of its certificate in"
            f" chirpstack.api_ca_file, and its host as in the certificate"
        )
    if "HTTP/2" in details or "http2" in details:
        quoted = shortened(printable(details), _MOST_CHARS)
        return f"No gRPC comes through to the API of ChirpStack ({url}): a proxy before it has to pass HTTP/2 on ({quoted})"
    return f"The API of ChirpStack cannot be reached ({url}): is it running, and is chirpstack.api_url right?"
