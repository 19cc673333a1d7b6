"""No secret of the configuration, and no part of one, comes out: not in a log, a message, a page, a process list or a file.

Each secret is planted in every place that the configuration accepts. The daemon and every command run through success and failure
at the highest level of the log, and everything that comes out is searched for parts of six characters, also in the form of URLs.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from parking_gateway.cli.demo.brokers import LOCALHOST, Broker, free_port
from parking_gateway.cli.demo.retained import ROOT, read_retained
from parking_gateway.process.config import ConfigError, load
from parking_gateway.store.embedded import Server
from tests.events import dev_eui_of, topic_of, up
from tests.plugins.broker import Configured, write_passwords
from tests.plugins.chirpstack_api import ChirpStackApi
from tests.plugins.daemon import Daemon
from tests.plugins.encrypted_postgres import EncryptedPostgres
from tests.plugins.tls import Certificates
from tests.whole_gateway import publish, until

DATABASE, MQTT, API = "dB7§wq@/?x1%zK", "mQ8#vr:%/y2@Jt", "eyJhbG9.aP9kLm-_3w"
KEY, SSL_KEY = "kY5+ru/ z4&Hs=", "sL6&nt=%u5;Gq"
HOOK, MAIL = "wH3-t0k_9Xy-QaZ.7u", "mA1+pw:?/q9#Lw"
SECRETS: Final = (DATABASE, MQTT, API, KEY, SSL_KEY, HOOK, MAIL)
LENGTH: Final = 6
COMMANDS: Final[tuple[tuple[str, ...], ...]] = (
    ("check-config",),
    ("check-config", "--json"),
    ("migrate",),
    ("doctor", "--listen", "0"),
    ("doctor", "--devices"),
    ("heal", "--device", dev_eui_of(1)),
    ("heal", "--json"),
    ("replay", "--device", dev_eui_of(1)),
    ("republish",),
    ("spaces", "list"),
    ("spaces", "export"),
    ("devices", "list"),
    ("devices", "assign", dev_eui_of(1), "no/such/space"),
    ("rejections", "list", "--json"),
    ("rejections", "show", "1"),
    ("rejections", "retry"),
    ("rejections", "purge", "--all", "--yes"),
    ("decode", "bosch_tps110", "--port", "1", "01"),
    ("decoders",),
    ("version",),
    ("run", "--help"),
    ("--help",),
    ("no-such-command",),
)


def parts(secret: str) -> Iterator[str]:
    """All parts of a secret, as they are, and as URLs, JSON and Base64 have them."""
    encoded = base64.b64encode(secret.encode()).decode()
    for form in {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], encoded}:
        yield from (form[start : start + LENGTH] for start in range(len(form) - LENGTH + 1))


END: Final = "\nend of a command\n"
RUN_ALL: Final = f"""
import json, sys
from typer.testing import CliRunner
from parking_gateway.cli import app
for command in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, command)
    print(result.output, repr(result.exception), "status", result.exit_code, end={END!r}, flush=True)
"""
PARTS: Final = frozenset(part for secret in SECRETS for part in parts(secret))


def leaks(text: str) -> list[str]:
    """The parts of secrets in a text, each with what stands around it."""
    return [text[max(0, text.index(part) - 60) :][:120] for part in PARTS if part in text]


def test_the_search_finds_parts() -> None:
    for text in ("x dB7§wq y", quote(DATABASE, safe=""), "…r:%/y2…", json.dumps(DATABASE), repr(SSL_KEY)):
        assert leaks(text)
    assert leaks("everything else") == []


Plant = Callable[..., dict[str, str]]
DaemonOf = Callable[[dict[str, str]], Daemon]


@pytest.fixture
def locked_keys(certificates: Certificates, tmp_path: Path) -> tuple[Path, Path]:
    """The client's key, encrypted for the broker and for the database."""
    files = tmp_path / "mqtt.key", tmp_path / "database.key"
    key = load_pem_private_key(certificates.client_key.read_bytes(), None)
    for file, password in zip(files, (KEY, SSL_KEY), strict=True):
        encryption = BestAvailableEncryption(password.encode())
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, encryption))
        file.chmod(0o600)
    return files


@pytest.fixture
def secured(configured: Configured, certificates: Certificates, tmp_path: Path) -> tuple[Broker, int]:
    """A broker that demands a certificate and a password on a second port."""
    write_passwords(passwords := tmp_path / "passwords", {"gateway": MQTT})
    passwords.chmod(0o644)
    port = free_port()
    broker = configured(
        f"listener {port} {LOCALHOST}\ncafile {certificates.ca}\ncertfile {certificates.server}\n"
        f"keyfile {certificates.server_key}\nrequire_certificate true\n"
        f"password_file {passwords}\n"
    )
    return broker, port


@pytest.fixture
def settings(
    secured: tuple[Broker, int],
    encrypted_postgres: EncryptedPostgres,
    chirpstack_api: ChirpStackApi,
    certificates: Certificates,
    locked_keys: tuple[Path, Path],
) -> dict[str, str]:
    """`section__key` with its value, the secrets among them."""
    encrypted_postgres.set_password("secretive", DATABASE)
    chirpstack_api.key = API
    chirpstack_api.stop()
    chirpstack_api.start(certificates)
    url = encrypted_postgres.url(
        f"secretive:{quote(DATABASE, safe='')}",
        sslmode="verify-full",
        sslrootcert=certificates.ca,
        sslcert=certificates.client,
        sslkey=locked_keys[1],
        sslpassword=quote(SSL_KEY, safe=""),
    )
    return {
        "mqtt__url": f"mqtts://{LOCALHOST}:{secured[1]}",
        "mqtt__username": "gateway",
        "mqtt__password": MQTT,
        "mqtt__ca_file": str(certificates.ca),
        "mqtt__cert_file": str(certificates.client),
        "mqtt__key_file": str(locked_keys[0]),
        "mqtt__key_password": KEY,
        "chirpstack__api_url": f"https://localhost:{chirpstack_api.port}",
        "chirpstack__api_key": API,
        "chirpstack__api_ca_file": str(certificates.ca),
        "database__url": url,
        "alerts__webhooks": json.dumps([f"http://{LOCALHOST}:9/{HOOK}"]),
        "alerts__webhook_secret": HOOK,
        "alerts__mail_to": '["somebody@example.org"]',
        "alerts__mail_from": "gateway@example.org",
        "alerts__smtp_host": LOCALHOST,
        "alerts__smtp_port": "9",
        "alerts__smtp_username": "gateway",
        "alerts__smtp_password": MAIL,
        "telemetry__log_level": "TRACE",
        "gateway__instance": "test",
    }


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Puts settings into a place of the configuration. Returns the environment of a command that reads them there."""

    def put(place: str, settings: dict[str, str]) -> dict[str, str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PARKING_GATEWAY_GATEWAY__STATE_DIRECTORY": str(tmp_path / "state"),
        }
        (folder := tmp_path / place).mkdir(exist_ok=True)
        if place == "environment":
            return environment | {f"PARKING_GATEWAY_{name.upper()}": value for name, value in settings.items()}
        if place == "file":
            lines = [f"{name.replace('__', '.')} = {json.dumps(value)}" for name, value in settings.items()]
            (folder / "config.toml").write_text("\n".join(lines))
            return environment | {"PARKING_GATEWAY_CONFIG": str(folder / "config.toml")}
        for name, value in settings.items():
            (folder / name).write_text(value)
        variable = "CREDENTIALS_DIRECTORY" if place == "credentials" else "PARKING_GATEWAY_SECRETS_DIRECTORY"
        return environment | {variable: str(folder)}

    return put


@pytest.fixture
def daemon_of(tmp_path: Path) -> Iterator[DaemonOf]:
    """Makes the daemon with this environment, not started yet."""
    with ExitStack() as stack:

        def make(environment: dict[str, str]) -> Daemon:
            daemon = Daemon(tmp_path / "daemon.log", environment)
            stack.callback(daemon.close)
            return daemon

        yield make


async def outputs_of(environment: dict[str, str], *commands: tuple[str, ...]) -> list[str]:
    """What each command prints, with its exit status, and what all of them print elsewhere. One process saves their starts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", RUN_ALL, json.dumps(commands)),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with asyncio.timeout(100):
        output, _ = await process.communicate()
    found = output.decode().split(END)
    assert len(found) == len(commands) + 1
    return found


def descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def process_list(pid: int) -> str:
    """The command lines of a process and its children, and the environments of its children."""
    children = list(descendants(pid))
    lines = [Path(f"/proc/{one}/cmdline").read_bytes() for one in (pid, *children)]
    lines += [Path(f"/proc/{one}/environ").read_bytes() for one in children]
    return b"\n".join(lines).decode(errors="replace")


def guest(folder: Path) -> str:
    """A folder with a codec that runs in a process of its own."""
    folder.mkdir()
    (folder / "acme.py").write_text(
        "from decoders import Device, Occupancy, Reading\n"
        "DEVICE = Device(vendor='Acme', model='X', ports=())\n"
        "def decode(frame):\n    return Reading(occupancy=Occupancy.OCCUPIED)\n"
    )
    return str(folder)


async def test_nothing_leaks_where_everything_works(
    plant: Plant, settings: dict[str, str], secured: tuple[Broker, int], daemon_of: DaemonOf, tmp_path: Path
) -> None:
    """The daemon with its pages, guests, journal and retained messages, and every command. Each place has its turn."""
    broker, _ = secured
    listen = f"{LOCALHOST}:{free_port()}"
    more = {"decoders__folder": guest(tmp_path / "codecs"), "decoders__profiles": '{"Parking sensor": "acme"}'}
    environment = plant("environment", settings | more | {"telemetry__listen": listen})
    (spaces := tmp_path / "spaces.csv").write_text(f"site,zone,space,dev_eui,codec\nc,l,A-1,{dev_eui_of(1)},acme\n")
    found = await outputs_of(environment, ("migrate",), ("spaces", "import", str(spaces)))
    assert [text[-8:] for text in found[:2]] == ["status 0"] * 2, found
    daemon = daemon_of(environment)
    daemon.start_and_wait()
    sent = [(topic_of(dev_eui_of(1)), up(dev_eui_of(1))), (topic_of(dev_eui_of(1)), b"{")]
    await publish(broker, sent)

    async def is_published() -> bool:
        spaces = await read_retained(broker.url, f"{ROOT}/spaces")
        return any(b"OCCUPIED" in payload for payload in spaces.values())

    await until(is_published, "a state that a guest has decoded")
    found.append(process_list(daemon.pid))
    assert "guests" in found[-1]
    for page in ("/metrics", "/healthz", "/readyz"):
        process = await asyncio.create_subprocess_exec("curl", "-s", f"http://{listen}{page}", stdout=subprocess.PIPE)
        output, _ = await process.communicate()
        found.append(output.decode())
    assert "parking_gateway_build_info" in found[-3]
    retained = await read_retained(broker.url, ROOT)
    assert f"{ROOT}/gateways/test/health" in retained
    found += [f"{topic} {payload.decode()}" for topic, payload in retained.items()]
    for place in ("environment", "file", "credentials", "secrets directory"):
        there = plant(place, settings | {"telemetry__listen": listen})
        found += await outputs_of(there, *(COMMANDS if place == "file" else COMMANDS[:2]))
        assert any(text.endswith("status 0") for text in found[-3:])
    everything = "\n".join(found)
    for expected in ("accepts our connection and subscription", "it answers, with schema"):
        assert expected in everything
    assert "cannot be verified" not in everything
    assert daemon.terminate() == 0
    found += daemon.notifications
    log = daemon.log.read_text()
    assert '"level":"DEBUG"' in log
    journal = tmp_path / "state" / "journal.sqlite"
    assert journal.stat().st_mode & 0o777 == 0o600
    found += [log, journal.read_bytes().decode(errors="replace")]
    assert [leak for text in found for leak in leaks(text)] == []


WRONG: Final = {
    "mqtt__username": "nobody",
    "database__url": f"postgresql://u:{quote(DATABASE, safe='')}@{LOCALHOST}:1/parking",
    "chirpstack__api_url": "https://localhost:1",
}
"""A broker that refuses the password, and a database and an API that are away."""


async def test_nothing_leaks_where_servers_refuse_or_are_away(
    plant: Plant, settings: dict[str, str], daemon_of: DaemonOf
) -> None:
    environment = plant("environment", settings | WRONG | {"telemetry__listen": ""})
    commands = [one for one in COMMANDS if one[0] in ("doctor", "heal", "migrate", "republish", "replay")]
    found = await outputs_of(environment, *commands)
    assert any(one.endswith(("status 1", "status 75")) for one in found), found
    daemon = daemon_of(environment)
    daemon.start()

    async def has_warned() -> bool:
        return '"level":"WARNING"' in daemon.log.read_text()

    await until(has_warned, "a warning of the daemon")
    daemon.kill()
    found += [daemon.log.read_text()]
    assert [leak for text in found for leak in leaks(text)] == []


async def test_commands_name_the_certificates_that_they_do_not_trust(
    plant: Plant, settings: dict[str, str], certificates: Certificates
) -> None:
    """Of the broker, the database and the API of ChirpStack: each in a sentence with its remedy, and without a secret."""
    trusted, other = str(certificates.ca), str(certificates.other_ca)
    wrong = {name: value.replace(trusted, other) for name, value in settings.items()}
    commands = ("doctor", "--listen", "0"), ("heal", "--device", dev_eui_of(1)), ("spaces", "list")
    found = await outputs_of(plant("environment", wrong), *commands)
    doctor, heal, spaces, _ = found
    assert "its certificate is of an authority that is not trusted here: set mqtt.ca_file" in doctor
    for output in (doctor, heal, spaces):
        assert "name its authority by sslrootcert in database.url" in output
        assert not output.endswith("status 0")
    only_api = settings | {"chirpstack__api_ca_file": other}
    found += await outputs_of(plant("environment", only_api), ("migrate",), commands[1])
    assert "name the authority of its certificate in chirpstack.api_ca_file" in found[-2]
    assert [leak for text in found for leak in leaks(text)] == []


MISTAKES: Final[tuple[dict[str, Any], ...]] = (
    {"database__url": f"postgresql://u:{DATABASE}@host/parking"},
    {"database__url": f"postgresql://u:{DATABASE}@host:99999999/parking"},
    {"database__url": f"postgresql://u@host/parking?pasword={DATABASE}"},
    {"database__url": f"postgresql://u@host/parking?%70assword={quote(DATABASE, safe='')}"},
    {"database__url": f"postgresql://u@host/parking?port={quote(DATABASE, safe='')}"},
    {"database__url": DATABASE},
    {"database__urll": DATABASE},
    {"mqtt__url": f"mqtt://user:{MQTT}@broker"},
    {"mqtt__url": f"mqtt://user:{quote(MQTT, safe='')}@broker"},
    {"mqtt__url": f"http://user:{quote(MQTT, safe='')}@broker"},
    {"mqtt__url": f"mqtt://broker/{quote(MQTT, safe='')}"},
    {"mqtt__url": MQTT},
    {"mqtt__password": f"{MQTT}{'x' * 70_000}"},
    {"mqtt__pasword": MQTT},
    {"mqtt__key_password": KEY},
    {"chirpstack__api_key": API},
    {"chirpstack__api_url": f"http://user:{API}@chirpstack"},
    {"chirpstack__api_url": API, "chirpstack__api_key": API},
    {"telemetry__log_level": MQTT, "telemetry__listen": DATABASE},
)


@pytest.mark.parametrize("place", ["environment", "file", "credentials"])
def test_no_mistake_repeats_a_secret(plant: Plant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """A secret that is wrong, in the wrong key, or beside a mistyped name, and a TOML file that is broken in a secret."""
    found = []
    for mistake in MISTAKES:
        for old in (tmp_path / place).glob("*"):
            old.unlink()
        environment = plant(place, mistake)
        for name in [name for name in os.environ if name.startswith(("PARKING_GATEWAY_", "CREDENTIALS_"))]:
            monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        found += mistakes_of(tmp_path / place / "config.toml" if place == "file" else None)
    if place == "file":
        for broken in (
            f'[mqtt]\npassword = "{MQTT}\n',
            f"[mqtt]\npassword = {MQTT}\n",
            f'[mqtt]\n"{MQTT}" = 1\n{MQTT}',
        ):
            (tmp_path / "broken.toml").write_text(broken)
            found += mistakes_of(tmp_path / "broken.toml")
    assert len(found) >= len(MISTAKES) * 2 // 3
    assert leaks("\n".join(found)) == []


def mistakes_of(file: Path | None) -> list[str]:
    """The sentences that every command prints."""
    try:
        load(file)
    except ConfigError as error:
        return list(error.mistakes)
    return []


def test_the_embedded_server_gets_no_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another program, lives longer than the gateway, and its environment would be readable to its user."""
    monkeypatch.setenv("PARKING_GATEWAY_MQTT__PASSWORD", MQTT)
    server = Server(folder)
    with server.used():
        pid = int((folder / "postgresql" / "postmaster.pid").read_text().splitlines()[0])
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    assert "PATH=" in environment
    assert leaks(environment) == []
