"""The configuration: its values, its sources and its mistakes."""

import json
import os
import re
import shutil
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge, Le
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.process.config import (
    KEYS,
    Config,
    ConfigError,
    DatabaseConfig,
    ListenAddress,
    MqttConfig,
    Profile,
    load,
    load_with_origins,
)
from tests.plugins.tls import KEY_PASSWORD, Certificates

REFERENCE = Path(__file__).parents[2] / "config.toml"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the machine that runs the tests."""
    for name in os.environ:
        if name.startswith("PARKING_GATEWAY_"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """A function that writes a configuration file and returns its path."""

    def write(text: str) -> Path:
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def mistakes_of(file: Path | None = None, **overrides: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(file, overrides=overrides)
    return caught.value.mistakes


def uncommented() -> dict[str, Any]:
    return tomllib.loads(re.sub(r"(?m)^#(?=\w)", "", REFERENCE.read_text(encoding="utf-8")))


# The reference


def test_the_reference_is_complete() -> None:
    """config.toml has every key of the models once, and no other key."""
    assert [(section, key) for section, table in uncommented().items() for key in table] == list(KEYS)


def test_the_reference_shows_the_defaults(tmp_path: Path) -> None:
    """Uncommenting every line changes nothing."""
    assert Config(**uncommented()) == Config()


def test_the_reference_as_it_is_sets_nothing() -> None:
    loaded = load_with_origins(REFERENCE)
    assert loaded.config == Config()
    assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_the_reference_explains_every_key(section: str, key: str) -> None:
    """A comment is above each key, or above its group of keys."""
    text = REFERENCE.read_text(encoding="utf-8")
    table = text[text.index(f"[{section}]") :]
    before = re.search(rf"(?ms)\A.*?^#{key} = ", table)
    assert before is not None
    group = re.findall(r"(?m)^# .*\n(?:#\w+ = .*\n)*\Z", before[0].rpartition("\n")[0] + "\n")
    assert group


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_the_reference_names_the_limits_of_whole_numbers(section: str, key: str) -> None:
    """With the numbers of the models, in the comment above the key."""
    metadata = type(getattr(Config(), section)).model_fields[key].metadata
    limits = [limit.ge if isinstance(limit, Ge) else limit.le for limit in metadata if isinstance(limit, Ge | Le)]
    if limits:
        table = REFERENCE.read_text(encoding="utf-8").partition(f"[{section}]")[2]
        comment = re.search(rf"(?m)((?:^# .*\n)+)(?:#\w+ = .*\n)*?#{key} = ", table)
        assert comment
        assert "{} to {}".format(*limits) in comment[1]


# The order


def test_no_file_at_all_is_fine() -> None:
    assert load() == Config()


def test_the_order_of_the_sources(write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Command line, environment, systemd's credentials, secrets directory, file, default; each value from the first."""
    keys = ["username", "password", "client_id", "shared_group", "keepalive", "timeout"]
    file = write("[mqtt]\n" + "".join(f'{key} = "5"\n' for key in keys[:5]))
    for directory, variable, count in (
        ("secrets", "PARKING_GATEWAY_SECRETS_DIRECTORY", 4),
        ("credentials", "CREDENTIALS_DIRECTORY", 3),
    ):
        (tmp_path / directory).mkdir()
        for key in keys[:count]:
            (tmp_path / directory / f"mqtt__{key}").write_text(f"{directory}\n")
        monkeypatch.setenv(variable, str(tmp_path / directory))
    for key in keys[:2]:
        monkeypatch.setenv(f"PARKING_GATEWAY_MQTT__{key.upper()}", "environment")

    loaded = load_with_origins(file, overrides={"mqtt": {"username": "typed"}})

    mqtt = loaded.config.mqtt
    assert mqtt.username == "typed"
    assert mqtt.password is not None
    assert mqtt.password.get_secret_value() == "environment"
    assert mqtt.client_id == "credentials"
    assert mqtt.shared_group == "secrets"
    assert mqtt.keepalive == timedelta(seconds=5)
    assert mqtt.timeout == timedelta(seconds=10)
    assert [loaded.origins[f"mqtt.{key}"] for key in keys] == [
        "command line",
        "PARKING_GATEWAY_MQTT__PASSWORD",
        f"{tmp_path}/credentials/mqtt__client_id",
        f"{tmp_path}/secrets/mqtt__shared_group",
        str(file),
        "default",
    ]


def test_a_key_from_the_environment_leaves_its_section_alone(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARKING_GATEWAY_MQTT__URL", "mqtt://broker")
    config = load(write('[mqtt]\nclient_id = "two"'))
    assert (config.mqtt.host, config.mqtt.client_id) == ("broker", "two")


def test_every_key_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for section, table in uncommented().items():
        for key, value in table.items():
            monkeypatch.setenv(f"PARKING_GATEWAY_{section}__{key}".upper(), "{}" if value == {} else str(value))
    loaded = load_with_origins()
    assert loaded.config == Config()
    assert all(origin.startswith("PARKING_GATEWAY_") for origin in loaded.origins.values())


def test_config_made_by_hand_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT", "broken")
    monkeypatch.setenv("PARKING_GATEWAY_MQTT__URL", "broken")
    assert Config().mqtt.host == "localhost"


def test_foreign_secrets_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificates: Certificates
) -> None:
    """The directory may hold other files, such as the CA that a key names."""
    shutil.copy(certificates.ca, tmp_path / "ca.pem")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    config = load(overrides={"mqtt": {"url": "mqtts://broker", "ca_file": str(tmp_path / "ca.pem")}})
    assert config.mqtt.ca_file == tmp_path / "ca.pem"


def test_variables_of_kubernetes_are_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets these in a pod beside a service with the name parking-gateway."""
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_9464_TCP", "PORT_9464_TCP_ADDR"):
        monkeypatch.setenv(f"PARKING_GATEWAY_{name}", "10.0.0.1")
    assert load() == Config()


# Values


def test_values_are_frozen() -> None:
    config = Config()
    with pytest.raises(ValueError, match="frozen"):
        config.mqtt.client_id = "other"  # type: ignore[misc]


def test_secrets_do_not_show() -> None:
    config = Config(
        mqtt=MqttConfig(url="mqtt://user:hunter2@broker"),
        database={"url": "postgresql://user:hunter2@host/name"},
    )
    assert "hunter2" not in repr(config)
    assert "hunter2" not in config.model_dump_json()


@pytest.mark.parametrize(
    ("url", "host", "port", "is_encrypted", "path"),
    [
        ("mqtt://broker", "broker", 1883, False, None),
        ("mqtts://broker", "broker", 8883, True, None),
        ("mqtt://[::1]:1884", "::1", 1884, False, None),
        ("ws://broker", "broker", 80, False, "/mqtt"),
        ("ws://broker:9001/", "broker", 9001, False, "/mqtt"),
        ("wss://broker/path/of/its/own", "broker", 443, True, "/path/of/its/own"),
    ],
)
def test_what_a_broker_url_means(*, url: str, host: str, port: int, is_encrypted: bool, path: str | None) -> None:
    mqtt = MqttConfig(url=url)
    assert (mqtt.host, mqtt.port, mqtt.is_encrypted, mqtt.websocket_path) == (host, port, is_encrypted, path)


def test_a_broker_url_with_several_addresses_is_a_configuration_for_each() -> None:
    mqtt = MqttConfig(url="wss://me:p%40ss@a,b:9001,[::1]:9002/path")
    assert str(mqtt.url) == "wss://a,b:9001,[::1]:9002/path"
    assert [(one.host, one.port, one.websocket_path, one.username) for one in mqtt.each()] == [
        ("a", 443, "/path", "me"),
        ("b", 9001, "/path", "me"),
        ("::1", 9002, "/path", "me"),
    ]


def test_credentials_in_the_broker_url_move_to_their_keys() -> None:
    loaded = load_with_origins(overrides={"mqtt": {"url": "mqtt://me:p%40ss/w@broker"}})
    mqtt = loaded.config.mqtt
    assert mqtt.password is not None
    assert (str(mqtt.url), mqtt.username, mqtt.password.get_secret_value()) == ("mqtt://broker", "me", "p@ss/w")
    assert loaded.origins["mqtt.password"] == "mqtt.url"


@pytest.mark.parametrize(
    ("url", "username", "kept"),
    [
        ("ws://broker/mqtt@x", None, "ws://broker/mqtt@x"),
        ("WSS://me:secret@a,b:9001/p@th/@", "me", "wss://a,b:9001/p@th/@"),
        ("ws://me@broker", "me", "ws://broker/"),
    ],
)
def test_a_path_of_the_broker_may_contain_an_at_sign(url: str, username: str | None, kept: str) -> None:
    mqtt = MqttConfig(url=url)
    assert (str(mqtt.url), mqtt.username) == (kept, username)


def test_keys_win_over_credentials_in_the_broker_url() -> None:
    mqtt = MqttConfig(url="mqtt://me:old@broker", password="new")
    assert mqtt.password is not None
    assert (mqtt.username, mqtt.password.get_secret_value()) == ("me", "new")


def test_a_shared_subscription() -> None:
    config = Config(mqtt={"shared_group": "lot"}, chirpstack={"topic": "a/+"})
    assert config.subscription == "$share/lot/a/+"
    assert Config(chirpstack={"topic": "a/+"}).subscription == "a/+"


def test_the_short_scheme_of_postgresql_means_the_same() -> None:
    database = Config(database={"url": "postgres://host/name"}).database
    assert database.url.get_secret_value() == "postgresql://host/name"
    assert not database.is_embedded
    assert not Config().database.is_set
    assert DatabaseConfig(url="embedded").is_embedded


def test_profiles_are_names_or_tables(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write('[decoders.profiles]\n"My EM310" = "em310"\nother = { codec = "tps110", options = { line = 2 } }\n')
    expected = {"My EM310": Profile(codec="em310"), "other": Profile(codec="tps110", options={"line": "2"})}
    assert load(file).decoders.profiles == expected

    monkeypatch.setenv(
        "PARKING_GATEWAY_DECODERS__PROFILES",
        '{"My EM310": "em310", "other": {"codec": "tps110", "options": {"line": 2}}}',
    )
    assert load().decoders.profiles == expected


def test_a_folder_of_codecs(tmp_path: Path) -> None:
    assert Config(decoders={"folder": str(tmp_path)}).decoders.folder == tmp_path


@pytest.mark.parametrize("written", ["127.0.0.1:9464", "[::1]:0", "gateway.example.org:65535"])
def test_addresses_are_shown_as_they_are_written(written: str) -> None:
    assert str(Config(telemetry={"listen": written}).telemetry.listen) == written


def test_listening_can_be_switched_off() -> None:
    assert Config(telemetry={"listen": ""}).telemetry.listen is None
    assert Config().telemetry.listen == ListenAddress("127.0.0.1", 9464)


@pytest.mark.parametrize(
    ("name", "instance"),
    [("Gw1.Example.org", "gw1-example-org"), ("plain", "plain"), ("gw_2", "gw_2"), ("Ü", "gateway")],
)
def test_the_machines_name_is_made_a_topic_level(name: str, instance: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)
    assert Config().gateway.instance == instance
    assert Config(gateway={"instance": ""}).gateway.instance == instance


def test_the_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configured one, else systemd's first, else the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    assert Config().gateway.state_directory == tmp_path / "home" / "parking-gateway"
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/one:{tmp_path}/two")
    assert Config().gateway.state_directory == tmp_path / "one"
    assert Config(gateway={"state_directory": str(tmp_path)}).gateway.state_directory == tmp_path


@given(st.floats(0.001, 31_536_000))
def test_durations_are_seconds(number: float) -> None:
    """A number, or the same number as text, is that many seconds."""
    expected = timedelta(seconds=number)
    assert Config(publication={"device_interval": number}).publication.device_interval == expected
    assert Config(publication={"device_interval": repr(number)}).publication.device_interval == expected


# Mistakes


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('[mqtt]\nusrname = "x"', "mqtt.usrname is no known key; the nearest is mqtt.username"),
        ('[mqqt]\nurl = "x"', "mqqt is no known key; the nearest is mqtt"),
        ('log_level = "INFO"', "log_level is no known key; the nearest is telemetry.log_level"),
        ("mqtt = 5", "mqtt must be a table"),
        ('[mqtt]\nurl = "http://broker"', "mqtt.url must begin with mqtt://, mqtts://, ws:// or wss://"),
        ('[mqtt]\nurl = "mqtt://broker/path"', "mqtt.url must end after the hosts and their ports"),
        ('[mqtt]\nurl = "ws://broker/?a=b"', "mqtt.url must end after the hosts, their ports and the path"),
        ('[mqtt]\nurl = "broker"', "mqtt.url must begin with mqtt://, mqtts://, ws:// or wss://"),
        ('[mqtt]\nurl = "mqtt://one,one:1883"', "mqtt.url must name each address once"),
        ('[mqtt]\nurl = "mqtt://me:hunter2@one,me:hunter2@two"', "mqtt.url must name the user once"),
        ('[mqtt]\nurl = "mqtt://one,"', "mqtt.url must be a valid URL, empty host"),
        ('[mqtt]\nurl = "mqtt://broker:0"', "mqtt.url must name hosts, each with a port from 1 to 65535 or none"),
        (
            '[mqtt]\nurl = "mqtt://10.0.0.256"',
            "mqtt.url must name hosts, each with a port from 1 to 65535 or none",
        ),
        ('[mqtt]\nclient_id = ""', "mqtt.client_id must not be empty"),
        ('[mqtt]\nclient_id = "a\\u0000"', "mqtt.client_id must be printable characters, at most 65535 bytes of them"),
        ("[mqtt]\nshared_group = []", "mqtt.shared_group must be a valid string"),
        ("[mqtt]\nreceive_maximum = true", "mqtt.receive_maximum must be a number, not true or false"),
        ('[mqtt]\ndirect = "perhaps"', "mqtt.direct must be true or false"),
        ("[mqtt]\nca_file = 5", "mqtt.ca_file must be text"),
        ('[mqtt]\nurl = "mqtt://broker:99999"', "mqtt.url must be a valid URL, invalid port number"),
        ('[mqtt]\nprotocol = "4"', "mqtt.protocol must be 'auto', '5' or '3.1.1'"),
        ("[mqtt]\nkeepalive = 0.5", "mqtt.keepalive must be a number of seconds from 1 to 64800"),
        ('[mqtt]\ntimeout = "5s"', "mqtt.timeout must be a number of seconds from 0.001 to 31536000"),
        ("[mqtt]\ntimeout = nan", "mqtt.timeout must be a number of seconds from 0.001 to 31536000"),
        ("[mqtt]\ntimeout = true", "mqtt.timeout must be a number of seconds from 0.001 to 31536000"),
        ("[mqtt]\nreceive_maximum = 65536", "mqtt.receive_maximum must be less than or equal to 65535"),
        ('[mqtt]\nshared_group = "a/b"', 'mqtt.shared_group must be without "/", "+" and "#"'),
        (
            "[mqtt]\nreconnect_wait_max = 0.1",
            "mqtt.reconnect_wait_max must not be shorter than mqtt.reconnect_wait_min",
        ),
        (
            '[mqtt]\nca_file = "/nowhere/ca.pem"',
            "mqtt.ca_file names a file that cannot be read (/nowhere/ca.pem: No such",
        ),
        ('[chirpstack]\ntopic = "a/#"', 'chirpstack.topic must end in "/+", the level that names the event'),
        ('[chirpstack]\ntopic = "a+/+"', 'chirpstack.topic must have "+" only as a whole level, and "#" nowhere'),
        ('[chirpstack]\ntopic = "$share/g/+"', "chirpstack.topic must be without $share"),
        ('[chirpstack]\ntopic = "a\\u0000/+"', "chirpstack.topic must be a topic filter of printable characters"),
        ('[gateway]\nstate_directory = "~nobody-of-that-name/x"', 'gateway.state_directory must not begin with "~"'),
        ('[decoders]\nfolder = "a\\u0000b"', "decoders.folder must be a path of printable characters"),
        (
            "[decoders.profiles.mine]\ncodec = 'x'\noption = 1",
            "decoders.profiles.mine.option is no known key; the nearest is",
        ),
        ("[decoders.profiles.mine]\noptions = {}", "decoders.profiles.mine.codec is missing"),
        ('[database]\nurl = "mysql://host"', 'database.url must be "embedded" or begin with postgresql://'),
        ("[database]\nlock_timeout = 60", "database.lock_timeout must not be longer than database.statement_timeout"),
        ('[publication]\nroot = "Parking/v1"', "publication.root must be levels of lower-case letters"),
        ('[publication]\nroot = "parking//v1"', "publication.root must be levels of lower-case letters"),
        ('[gateway]\ninstance = "Gw 1"', 'gateway.instance must be made of lower-case letters, digits, "-" and "_"'),
        ('[telemetry]\nlisten = "9464"', "telemetry.listen must be a host and a port, such as"),
        ('[telemetry]\nlisten = "a..b:9464"', "telemetry.listen must be a host and a port, such as"),
        ('[telemetry]\nlisten = "[::::]:9464"', "telemetry.listen must be a host and a port, such as"),
        ("[gateway]\ninstance = 5.5", 'gateway.instance must be made of lower-case letters, digits, "-" and "_"'),
        ("[database]\nstatement_timeout = 3000000", "database.statement_timeout must be a number of seconds from"),
        ('[telemetry]\nlisten = "host:70000"', "telemetry.listen must be a host and a port, such as"),
        (
            '[telemetry]\nlog_level = "loud"',
            "telemetry.log_level must be 'TRACE', 'DEBUG', 'INFO', 'WARNING' or 'ERROR'",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(text: str, mistake: str, write: Any) -> None:
    file = write(text)
    (sentence,) = mistakes_of(file)
    assert sentence.startswith(f"{file}: {mistake}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_all_mistakes_are_shown_at_once(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARKING_GATEWAY_MQTT__TIMEOUT", "soon")
    monkeypatch.setenv("PARKING_GATEWAY_MQTT_URL", "mqtt://broker")
    file = write("[mqtt]\nkeepalive = 0\n[database]\npool_size = 0")
    assert mistakes_of(file, intake={"batch_size": 0}) == (
        "PARKING_GATEWAY_MQTT_URL is no known variable; the nearest is PARKING_GATEWAY_MQTT__URL.",
        f"{file}: mqtt.keepalive must be a number of seconds from 1 to 64800.",
        "PARKING_GATEWAY_MQTT__TIMEOUT: mqtt.timeout must be a number of seconds from 0.001 to 31536000.",
        "command line: intake.batch_size must be greater than or equal to 1.",
        f"{file}: database.pool_size must be greater than or equal to 1.",
    )


def test_an_unknown_variable_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with a section and an unknown key is a mistake like the same key in the file."""
    monkeypatch.setenv("PARKING_GATEWAY_DATABASE__ULR", "embedded")
    assert mistakes_of() == (
        "PARKING_GATEWAY_DATABASE__ULR: database.ulr is no known key; the nearest is database.url.",
    )


def test_profiles_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARKING_GATEWAY_DECODERS__PROFILES", "mine=em310")
    (sentence,) = mistakes_of()
    assert sentence.startswith("PARKING_GATEWAY_DECODERS__PROFILES: decoders.profiles must be JSON")


def test_a_default_that_contradicts_has_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistake names the missing key, and no place where it was written."""
    monkeypatch.setenv("PARKING_GATEWAY_MQTT__RECONNECT_WAIT_MIN", "40")
    assert mistakes_of() == ("mqtt.reconnect_wait_max must not be shorter than mqtt.reconnect_wait_min.",)


def test_certificates_need_an_encrypted_connection(certificates: Certificates) -> None:
    ca = certificates.ca
    (sentence,) = mistakes_of(mqtt={"ca_file": str(ca)})
    assert "mqtt.ca_file must not be set while mqtt.url is not encrypted" in sentence
    assert load(overrides={"mqtt": {"ca_file": str(ca), "url": "mqtts://broker"}}).mqtt.ca_file == ca


@pytest.mark.parametrize("alone", ["cert_file", "key_file"])
def test_a_certificate_and_its_key_come_together(alone: str, tmp_path: Path) -> None:
    file = tmp_path / "file.pem"
    file.touch()
    (sentence,) = mistakes_of(mqtt={"url": "mqtts://broker", alone: str(file)})
    assert "mqtt.key_file must be set together with mqtt.cert_file" in sentence


@pytest.mark.parametrize(
    ("key", "wrong", "expected"),
    [
        ("ca_file", "nonsense", "mqtt.ca_file names a file that holds no certificate in PEM"),
        ("ca_file", "client_key", "mqtt.ca_file names a file that holds no certificate in PEM"),
        ("cert_file", "nonsense", "mqtt.cert_file names a file that holds no certificate in PEM"),
        ("key_file", "nonsense", "mqtt.key_file names no key in PEM of the certificate in mqtt.cert_file"),
        ("key_file", "client", "mqtt.key_file names no key in PEM of the certificate in mqtt.cert_file"),
        ("key_file", "server_key", "mqtt.key_file names no key in PEM of the certificate in mqtt.cert_file"),
        ("key_file", "locked", "mqtt.key_file names a key that a password protects"),
    ],
)
def test_certificates_are_read_before_anything_is_connected_to(
    key: str, wrong: str, expected: str, certificates: Certificates, tmp_path: Path
) -> None:
    """A file that is not PEM, the key of another certificate, and a key with a password are mistakes."""
    (tmp_path / "nonsense").write_text("-----BEGIN nothing\n")
    (tmp_path / "locked").write_bytes(certificates.client_locked_key.read_bytes())
    files = {"ca_file": certificates.ca, "cert_file": certificates.client, "key_file": certificates.client_key}
    good = {"url": "mqtts://broker"} | {name: str(file) for name, file in files.items()}
    assert load(overrides={"mqtt": good}).mqtt.key_file == certificates.client_key
    (sentence,) = mistakes_of(mqtt=good | {key: str(getattr(certificates, wrong, tmp_path / wrong))})
    assert sentence.startswith(f"command line: {expected}")


def test_the_password_of_a_key_is_tried_before_anything_is_connected_to(certificates: Certificates) -> None:
    """A wrong one, one for another key, and one without a key are mistakes, which do not repeat it."""
    files = {"ca_file": certificates.ca, "cert_file": certificates.client, "key_file": certificates.client_locked_key}
    good = {"url": "mqtts://broker", "key_password": KEY_PASSWORD} | {name: str(file) for name, file in files.items()}
    assert load(overrides={"mqtt": good}).mqtt.key_password is not None
    mistakes = {
        "mqtt.key_password does not open the key in mqtt.key_file": {"key_password": "hunter2"},
        "mqtt.key_password must be at most 1023 bytes long": {"key_password": "hunter2" * 200},
        "mqtt.key_password must not be set while mqtt.key_file is not": {"cert_file": "", "key_file": ""},
        "mqtt.key_file names no key in PEM of the certificate": {"cert_file": str(certificates.foreign_client)},
    }
    for expected, wrong in mistakes.items():
        (sentence,) = mistakes_of(mqtt=good | wrong)
        assert expected in sentence
        assert "hunter2" not in sentence


@pytest.mark.parametrize(
    ("topic", "root", "is_received"),
    [
        ("+/+/+/+/+/+", "parking/v1", True),
        ("parking/+/+/+", "parking/v1", True),
        ("parking/v2/+/+", "parking/v1", False),
        ("+/+/+", "parking/v1", False),
    ],
)
def test_the_gateway_does_not_listen_to_itself(*, topic: str, root: str, is_received: bool) -> None:
    """A filter that could match a topic below the root is a mistake."""
    sections: dict[str, Any] = {"chirpstack": {"topic": topic}, "publication": {"root": root}}
    if is_received:
        (sentence,) = mistakes_of(**sections)
        assert "the gateway would receive its own publications" in sentence
    else:
        assert load(overrides=sections).publication.root == root


@pytest.mark.parametrize(
    ("pages", "board", "can_start"),
    [
        (None, "127.0.0.1:9464", False),
        (None, "127.0.0.1:9465", True),
        (None, "0.0.0.0:9464", False),
        (None, "[::]:9464", False),
        (None, "localhost:9464", False),
        (None, "127.0.0.2:9464", True),
        (None, "[::1]:9464", True),
        ("", "127.0.0.1:9464", True),
        ("127.0.0.1:0", "127.0.0.1:0", True),
        ("0.0.0.0:80", "192.0.2.1:80", False),
        ("0.0.0.0:80", "gateway.example.org:80", False),
        ("0.0.0.0:80", "[::1]:80", True),
        ("[::]:80", "0.0.0.0:80", False),
        ("[::]:80", "[2001:db8::1]:80", False),
        ("[2001:DB8:0::1]:80", "[2001:db8::1]:80", False),
        ("gateway.example.org:80", "Gateway.example.org.:80", False),
        ("gateway.example.org:80", "parking.example.org:80", True),
        ("[::1]:80", "localhost:80", False),
    ],
)
def test_the_board_and_the_metrics_have_addresses_of_their_own(
    *, pages: str | None, board: str, can_start: bool
) -> None:
    """Else one of the two servers would try for ever."""
    sections: dict[str, Any] = {"web": {"listen": board}} | ({} if pages is None else {"telemetry": {"listen": pages}})
    if can_start:
        assert str(load(overrides=sections).web.listen) == board
        return
    (sentence,) = mistakes_of(**sections)
    assert sentence.startswith("command line: web has a listen at the address of telemetry.listen")
    assert "give one of them another port" in sentence


@pytest.mark.parametrize(
    "waits",
    [
        {"mqtt": {"reconnect_wait_max": 115, "timeout": 5}},
        {"database": {"reconnect_wait_max": 90}, "intake": {"timeout": 30}},
        {"publication": {"poll_interval": 120}},
        {"telemetry": {"stalled_after": 31}},
    ],
)
def test_waiting_does_not_count_as_stalling(waits: dict[str, Any]) -> None:
    """A task that waits as long as its limit allows does not count as stalled."""
    (sentence,) = mistakes_of(**waits)
    assert "telemetry has a stalled_after that is not longer than" in sentence


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"[mqtt]\nurl = mqtt://broker\n", "the file is not TOML: Invalid value (at line 2, column 7)."),
        (b"[mqtt]\nurl = '\xff'\n", "the file is not UTF-8 text."),
        (b"a = " + b"[" * 10_000, "the file is not TOML: it is nested too deeply."),
        (b"a = " + b"9" * 5_000, "the file is not TOML: Exceeds the limit (4300 digits)"),
    ],
)
def test_a_file_that_is_no_configuration(content: bytes, mistake: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    (sentence,) = mistakes_of(file)
    assert sentence.startswith(f"{file}: {mistake}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert mistakes_of(tmp_path / "none.toml") == (
        f"{tmp_path}/none.toml: the file cannot be read: No such file or directory.",
    )


def test_secrets_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARKING_GATEWAY_SECRETS_DIRECTORY", str(tmp_path / "none"))
    (sentence,) = mistakes_of()
    assert sentence.startswith(f"PARKING_GATEWAY_SECRETS_DIRECTORY: the secrets in {tmp_path}/none cannot be read")


@pytest.mark.parametrize("url", ["mqtt://me:hunter2@broker:99999", "http://me:hunter2@broker", "me:hunter2@broker"])
def test_a_mistake_never_repeats_a_secret(url: str) -> None:
    assert "hunter2" not in " ".join(mistakes_of(mqtt={"url": url}, database={"url": url}))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"api_url": "ftp://chirpstack", "api_key": "k"}, "chirpstack.api_url must be http:// or https://"),
        ({"api_url": "http://chirpstack:8080/api", "api_key": "k"}, "chirpstack.api_url must be http:// or https://"),
        ({"api_url": "http://u:p@chirpstack:8080", "api_key": "k"}, "chirpstack.api_url must be http:// or https://"),
        ({"api_url": "http://chirpstack:8080"}, "chirpstack.api_key must be set together with chirpstack.api_url"),
        ({"api_key": "k"}, "chirpstack.api_key must be set together with chirpstack.api_url"),
    ],
)
def test_a_mistake_about_the_api_is_named(section: dict[str, str], sentence: str) -> None:
    assert any(one.startswith(sentence) or sentence in one for one in mistakes_of(chirpstack=section))


def test_the_api_has_a_target_for_grpc(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    plain = load(overrides={"chirpstack": {"api_url": "http://[::1]:8080", "api_key": "k"}}).chirpstack
    assert (plain.api_target, plain.is_api_encrypted) == ("[::1]:8080", False)
    section = {"api_url": "https://chirpstack.example.org", "api_key": "k", "api_ca_file": str(authority)}
    encrypted = load(overrides={"chirpstack": section}).chirpstack
    assert (encrypted.api_target, encrypted.is_api_encrypted) == ("chirpstack.example.org:443", True)
    (sentence,) = mistakes_of(chirpstack=section | {"api_url": "http://chirpstack:8080"})
    assert "chirpstack.api_ca_file must not be set while chirpstack.api_url is not https://" in sentence


# Alerts

HOOKS: dict[str, Any] = {"webhooks": ["https://hooks.example.org/x"], "webhook_secret": "a secret of the tests"}
MAILS: dict[str, Any] = {"mail_to": ["a@example.org"], "mail_from": "b@example.org", "smtp_host": "mail.example.org"}


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (HOOKS | {"webhooks": ["hooks.example.org"]}, "must be URLs that begin with http:// or https://"),
        (HOOKS | {"webhooks": ["ftp://hooks.example.org"]}, "must be URLs that begin with http:// or https://"),
        (HOOKS | {"webhook_secret": ""}, "alerts.webhook_secret must be set with alerts.webhooks"),
        (HOOKS | {"webhook_secret": "short"}, "alerts.webhook_secret must have at least 16 characters"),
        (HOOKS | {"webhook_kinds": ["silnt"]}, "alerts.webhook_kinds must be kinds of notices: conflict, no_show"),
        (MAILS | {"mail_to": ["nobody"]}, "must be addresses such as parking@example.org"),
        (MAILS | {"mail_to": ["a@b\r\nBcc: c@d"]}, "must be addresses such as parking@example.org"),
        (MAILS | {"mail_from": ""}, "alerts.mail_from must be set with alerts.mail_to"),
        (MAILS | {"smtp_host": ""}, "alerts.smtp_host must be set with alerts.mail_to"),
        (MAILS | {"smtp_host": "a host"}, "alerts.smtp_host must be a host"),
        (MAILS | {"smtp_password": "p"}, "alerts.smtp_password must be set together with alerts.smtp_username"),
        (
            MAILS | {"smtp_username": "u", "smtp_password": "p", "smtp_encryption": "none"},
            "alerts.smtp_password must not be set while alerts.smtp_encryption is none",
        ),
        ({"ca_file": str(REFERENCE)}, "alerts.ca_file must not be set without alerts.webhooks or alerts.mail_to"),
        (HOOKS | {"retry_wait_max": 1}, "alerts.retry_wait_max must not be shorter than alerts.retry_wait_min"),
    ],
)
def test_a_mistake_about_alerts_is_named(section: dict[str, Any], sentence: str) -> None:
    assert any(sentence in one for one in mistakes_of(alerts=section)), mistakes_of(alerts=section)


def test_alerts_can_be_configured_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (HOOKS | MAILS | {"webhook_kinds": ["silent"]}).items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(f"PARKING_GATEWAY_ALERTS__{name.upper()}", text)
    alerts = load().alerts
    assert [url.get_secret_value() for url in alerts.webhooks] == HOOKS["webhooks"]
    assert (alerts.webhook_kinds, alerts.mail_to) == (("silent",), ("a@example.org",))
