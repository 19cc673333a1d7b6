"""The documentation, held against the code: whatever it names is there, and what it lists is complete."""

import ast
import json
import re
import shlex
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from token import NAME
from tokenize import tokenize
from typing import Any

import msgspec
import psycopg
import pytest
from typer.main import get_command

from parking_gateway.cli import app
from parking_gateway.contract.schemas import MESSAGES
from parking_gateway.core.events import Reason
from parking_gateway.decoding import codecs
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.process.config import KEYS, Config
from parking_gateway.register import files, truth_files
from parking_gateway.register.outcome import Counts, Registered
from parking_gateway.register.remarks import NEVER_HEARD
from parking_gateway.register.replay.turns import Replayed
from parking_gateway.register.summary import sentences
from parking_gateway.store.tables import metadata
from tools import metrics_page

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    file.stem: json.loads(file.read_text())
    for file in (ROOT / "schemas").glob("*.json")
    if file.stem not in ("asyncapi", "openapi")  # all messages in one document
}
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "systemd/*.md", "tests/**/*.md", "benchmarks/*.md")
    for page in ROOT.glob(pattern)
)
DOCS = ROOT / "docs"
README, INSTALLING = ROOT / "README.md", DOCS / "install.md"
CONTRACT, REGISTER = DOCS / "reference/contract.md", DOCS / "reference/register.md"
DEPLOYING, SECURING, HOUSE = DOCS / "how-to/deploy.md", DOCS / "how-to/secure.md", DOCS / "explanation/architecture.md"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


# Reading pages


def blocks(page: Path, *languages: str) -> list[str]:
    """Blocks of code in these languages; "" is without one."""
    return [block for language, block in _parts(page) if language in languages]


def spans(page: Path) -> list[str]:
    """What stands between backticks within the prose."""
    return [span for language, prose in _parts(page) if language is None for span in re.findall(r"`([^`\n]+)`", prose)]


def _parts(page: Path) -> list[tuple[str | None, str]]:
    """Prose (None) and blocks of code by their language, in turn."""
    parts: list[tuple[str | None, str]] = [(None, "")]
    for line in page.read_text().splitlines(keepends=True):
        language, text = parts[-1]
        if not line.lstrip().startswith("```"):
            parts[-1] = (language, text + line)
        else:
            parts.append((line.strip().removeprefix("```") if language is None else None, ""))
    return parts


def typed(page: Path, program: str) -> Iterator[list[str]]:
    """Every command that the page shows of this program: its arguments."""
    lines = [*spans(page), *(line for block in blocks(page, "sh", "") for line in block.splitlines())]
    for command in (command.strip() for line in lines for command in line.split("&&")):
        if found := re.match(rf"(?:sudo (?:-u \S+ )?)?(?:\S*/)?{program} (.*)", command):
            yield shlex.split(found[1], comments=True)


def section(page: Path, title: str) -> str:
    """The text below a heading, up to the next one of its rank."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{page} has no heading {title!r}"
    return found[1]


def first_cells(text: str) -> list[str]:
    """What stands between backticks in the first cells of a table."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


# What pages name


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings], target


@every_page
def test_files_exist_and_hold_what_is_named(page: Path) -> None:
    """`folder/file`, `folder/file.py: Class.method`, and `tests/file.py::test`."""
    folders = "|".join(folder.name for folder in ROOT.iterdir() if folder.is_dir())
    for span in spans(page):
        found = re.fullmatch(rf"((?:{folders})/[\w./-]*)(?:(?:::|: )([\w.]+))?", span)
        if not found or "site-packages" in span:
            continue
        file, name = ROOT / found[1], found[2]
        assert file.exists(), f"{span} does not exist"
        assert name is None or name in names_in(file), f"{file} has no {name}"


@cache
def names_in(file: Path) -> set[str]:
    """Functions and classes of a module, and `Class.method`."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
            names |= {f"{node.name}.{one.name}" for one in inner}
    return names


@every_page
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {arguments[0] for arguments in typed(page, "make") if arguments[0].isalpha()} <= targets


@every_page
def test_keys_of_the_configuration_exist(page: Path) -> None:
    """As `section.key`, and as a variable of the environment."""
    sections = {one for one, _ in KEYS}
    for span in spans(page):
        found = re.fullmatch(r"(\w+)\.(\w+)", span)
        if found and found[1] in sections and found[2] not in ("py", "md", "toml"):
            assert (found[1], found[2]) in KEYS, f"{span} is no key"
    known = {f"{one}__{key}".upper() for one, key in KEYS} | {"CONFIG", "SECRETS_DIRECTORY", "TESTS"}
    assert set(re.findall(r"PARKING_GATEWAY_([A-Z_]+)", page.read_text())) <= known


@every_page
def test_commands_exist_with_their_options(page: Path) -> None:
    for arguments in typed(page, "parking-gateway"):
        command: Any = get_command(app)
        for argument in arguments:
            if argument not in getattr(command, "commands", {}):
                break
            command = command.commands[argument]
        assert not getattr(command, "commands", {}), f"parking-gateway {' '.join(arguments)}: no such command"
        options = {one for parameter in command.params for one in parameter.opts} | {"--help"}
        given = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
        assert given <= options, f"parking-gateway {' '.join(arguments)}: it has {options}"


@every_page
def test_toml_and_json_can_be_parsed(page: Path) -> None:
    for block in blocks(page, "toml"):
        tomllib.loads(block)
    for block in blocks(page, "json"):
        json.loads(block)


@every_page
def test_a_register_that_is_shown_can_be_imported(page: Path) -> None:
    for block in blocks(page, "csv"):
        if block.startswith("space,time"):
            assert all(isinstance(one, truth_files.Look) for one in truth_files.read(block.encode()))
            continue
        assert files.read("spaces.csv", block.encode(), decoder=Decoder()).mistakes == ()


def test_the_output_of_an_import_is_shown_as_it_is() -> None:
    outcome = Registered(
        spaces=Counts(created=3, changed=0, unchanged=0),
        installations=Counts(created=2, changed=0, unchanged=0),
        moved=[],
        removed=[],
        replayed=Replayed(uplinks=41, transitions=17),
        remarks=Counter([NEVER_HEARD]),
    )
    wrong = b"site,zone,space,dev_eui,codec\na,b,c,,\na,b,d,7.06E+15,\na,b,e,a84041000181c061,milesight_em310_ud\n"
    mistakes = files.read("spaces.csv", wrong, decoder=Decoder()).mistakes
    good, bad = blocks(REGISTER, "text")
    assert good.splitlines() == list(sentences(outcome))
    assert bad.splitlines()[:-1] == [f"spaces.csv: {one.where}: {one.what}" for one in mistakes]


def test_the_configuration_that_is_shown_is_one() -> None:
    for block in blocks(SECURING, "toml"):
        if "[mqtt]" in block:
            shown = tomllib.loads(block)["mqtt"]
            assert {("mqtt", key) for key in shown} <= set(KEYS)
            shown.pop("ca_file")
            Config(mqtt=shown)


def test_every_setting_of_mosquitto_that_is_explained_is_in_the_example() -> None:
    example = (DOCS / "examples" / "mosquitto.conf").read_text().splitlines()
    explained = {name for name in first_cells(section(DEPLOYING, "Mosquitto")) if " " in name}
    assert explained
    assert explained <= set(example)


def test_every_user_of_the_acl_is_given_a_password_and_explained() -> None:
    acl = (DOCS / "examples" / "mosquitto.acl").read_text()
    users = set(re.findall(r"^user (.*)$", acl, re.MULTILINE))
    (given,) = re.findall(r"^for user in (.*); do$", section(INSTALLING, "4. Mosquitto"), re.MULTILINE)
    assert set(given.split()) == users
    assert users <= set(first_cells(SECURING.read_text()))


# What pages list


@pytest.mark.parametrize("name", SCHEMAS)
def test_fields_are_those_of_the_schema(name: str) -> None:
    assert first_cells(section(CONTRACT, name)) == list(SCHEMAS[name]["properties"])


@pytest.mark.parametrize("page", [README, CONTRACT], ids=["README", "contract"])
def test_messages_that_are_shown_follow_the_contract(page: Path) -> None:
    for block in blocks(page, "json"):
        fields = set(json.loads(block))
        (name,) = (name for name, one in SCHEMAS.items() if set(one["required"]) <= fields <= set(one["properties"]))
        msgspec.json.decode(block, type=MESSAGES[name])


def test_every_schema_has_an_example_and_a_topic() -> None:
    assert len(blocks(CONTRACT, "json")) == len(SCHEMAS)
    linked = re.findall(r"^\| `parking/v1/.*\]\(#(\w+)\) \|$", CONTRACT.read_text(), re.MULTILINE)
    assert set(linked) == set(SCHEMAS)


def test_commands_are_all_of_them() -> None:
    command: Any = get_command(app)
    listed = [name for name in first_cells(section(CONTRACT, "Commands")) if not name.isdigit()]
    assert sorted(listed) == sorted(command.commands)


def test_reasons_are_all_of_them() -> None:
    assert first_cells(section(CONTRACT, "What the gateway listens to")) == list(Reason)


def test_columns_exist(database: str) -> None:
    """Of tables and views, as the migrations make them."""
    statement = "select table_name, array_agg(column_name::text) from information_schema.columns group by 1"
    with psycopg.connect(database) as connection:
        columns = {name: set(found) for name, found in connection.execute(statement)}
    rows = re.findall(r"^\| `(\w+)`.*? \| (.*) \|$", section(CONTRACT, "PostgreSQL"), re.MULTILINE)
    assert rows
    for table, listed in rows:
        assert set(re.findall(r"`(\w+)`", listed)) <= columns[table], table


def test_symptoms_are_messages_of_the_gateway() -> None:
    """Every sentence of the log that the table of symptoms quotes is in the source, or comes from a library."""
    others = {"Connect call failed", "Connection refused", "Name or service not known", "Not authorized"}
    source = "".join(file.read_text() for file in (ROOT / "parking_gateway").rglob("*.py"))
    symptoms = re.findall(r"^\| (.*?) \|", (DOCS / "how-to/troubleshoot.md").read_text(), re.MULTILINE)
    quoted = {span for cell in symptoms for span in re.findall(r"`([^`]+)`", cell) if " " in span}
    assert len(quoted) > len(others)
    assert {sentence for sentence in quoted - others if sentence not in re.sub(r'"\s*f?"', "", source)} == set()


def test_metrics_that_pages_name_exist() -> None:
    """docs/reference/metrics.md has all of them, because it is generated."""
    known = {metrics_page.name_of(family) for family in metrics_page.families()}
    for page in PAGES:
        named = {name for span in spans(page) for name in re.findall(r"\bparking_gateway_[a-z_0-9]*[a-z0-9]", span)}
        assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= known, page


def test_every_limit_of_a_wait_is_listed_with_its_default() -> None:
    """Every key with such a name is in the table, and every key of the table has the default that it shows."""
    table = section(DOCS / "reference/limits.md", "Limits of every wait")
    listed = {
        name: float(seconds) for name, seconds in re.findall(r"\| `(\w+\.\w+)` \| ([\d.]+) \|$", table, re.MULTILINE)
    }
    config = Config()
    defaults = {f"{section}.{name}": getattr(getattr(config, section), name) for section, name in KEYS}
    assert {name: defaults[name].total_seconds() for name in listed} == listed
    limits = {name for name in defaults if "timeout" in name or name.endswith("_after")}
    assert limits - listed.keys() == {  # nothing waits for these
        "clock.lost_after",
        "devices.fault_ends_after",
        "devices.stuck_after",
    }


def test_checks_of_doctor_are_all_of_them() -> None:
    sources = (ROOT / "parking_gateway/cli/doctor").glob("*.py")
    checks = {name for source in sources for name in re.findall(r'about="([^"]+)"', source.read_text())}
    page = (DOCS / "reference/doctor.md").read_text()
    assert set(re.findall(r"^\| ([a-z ]+) \|", page, re.MULTILINE)) - {"check"} == checks


def test_layers_are_those_that_are_checked() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    (shown,) = (block for block in blocks(HOUSE, "") if block.startswith("__main__"))
    assert shown.splitlines() == layers


def test_every_folder_of_the_package_is_a_word_of_the_glossary() -> None:
    listed = [one for one in (ROOT / "parking_gateway").iterdir() if one.name != "__pycache__"]
    assert len(listed) <= 19
    assert {one.stem for one in listed if not one.name.startswith("__")} <= set(first_cells(section(HOUSE, "Words")))


def test_a_word_of_the_glossary_has_one_entry() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", section(HOUSE, "Words"), re.MULTILINE)
    words = [word.strip("` ").lower() for row in rows for word in row.split(",")]
    assert len(words) == len(set(words))


def test_tell_told_and_said_are_no_identifiers() -> None:
    """Things do not speak. Neither modules, functions, variables, fields nor columns are called so."""
    names = {(table.name, column) for table in metadata.tables.values() for column in (table.name, *table.c.keys())}
    for file in (ROOT / "parking_gateway").rglob("*.py"):
        names.add((file.name, file.stem))
        with file.open("rb") as code:
            names |= {(file.name, token.string) for token in tokenize(code.readline) if token.type == NAME}
    assert {(where, name) for where, name in names if {"tell", "told", "said"} & set(name.lower().split("_"))} == set()


def test_the_picture_of_the_way_names_files_in_the_order_of_the_table() -> None:
    (picture,) = (block for block in blocks(HOUSE, "") if block.startswith("ChirpStack"))
    files = list(dict.fromkeys(re.findall(r"\w+/\w+\.py", picture)))
    assert [file for file in files if not (ROOT / "parking_gateway" / file).exists()] == []
    way = dict.fromkeys(re.findall(r"parking_gateway/(\w+/\w+\.py)", section(HOUSE, "The way of an uplink")))
    assert files == [file for file in way if file in files]


def test_the_readme_counts_the_sensors() -> None:
    ours = [name for name in codecs.names() if (ROOT / "decoders" / f"{name}.py").exists()]
    tens = len(ours) // 10 * 10
    for page in (README, ROOT / "CHANGELOG.md"):
        assert f"more than {tens} sensors" in page.read_text()
