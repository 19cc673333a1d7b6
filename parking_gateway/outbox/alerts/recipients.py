"""The recipients of a configuration."""

import importlib.util
import ssl
from collections.abc import Sequence

from parking_gateway.core.notice import NoticeKind
from parking_gateway.outbox.alerts.mail import Mail
from parking_gateway.outbox.alerts.recipient import Recipient
from parking_gateway.outbox.alerts.webhook import Webhook
from parking_gateway.process.config import Config, ConfigError
from parking_gateway.process.wall_clock import WallClock


def recipients_of(config: Config, *, clock: WallClock) -> Sequence[Recipient]:
    """One for each webhook, and one for all addresses. Raises ConfigError without the packages for them."""
    alerts, root = config.alerts, config.publication.root
    if not alerts.webhooks and not alerts.mail_to:
        return ()
    if lacking := [*_lacking(config)]:
        raise ConfigError(lacking)
    try:
        context = ssl.create_default_context(cafile=alerts.ca_file)
    except (ssl.SSLError, OSError):
        raise ConfigError(
            [f"alerts.ca_file names a file that holds no certificate in PEM ({alerts.ca_file})."]
        ) from None
    found: list[Recipient] = []
    if alerts.webhook_secret is not None:
        found += [
            Webhook(
                url,
                secret=alerts.webhook_secret,
                kinds=alerts.webhook_kinds or tuple(NoticeKind),
                root=root,
                context=context,
                timeout=alerts.timeout,
                clock=clock,
            )
            for url in dict.fromkeys(alerts.webhooks)
        ]
    if alerts.mail_to:
        kinds = alerts.mail_kinds or tuple(NoticeKind)
        found.append(Mail(alerts, kinds=kinds, root=root, context=context, clock=clock))
    return found


def _lacking(config: Config) -> Sequence[str]:
    needed = {
        "alerts.webhooks": ("httpx", bool(config.alerts.webhooks)),
        "alerts.mail_to": ("aiosmtplib", bool(config.alerts.mail_to)),
    }
    return [
        f"{key} needs the package {package}: install parking-gateway[alerts], or remove the key."
        for key, (package, is_used) in needed.items()
        if is_used and importlib.util.find_spec(package) is None
    ]
