"""Files of the register: what they may say, and that every mistake is named with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.core.events import DevEui
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import csv_files, files
from parking_gateway.register.entries import COLUMNS, Assignment, Entry, Place, Sheet

HEADER = ",".join(COLUMNS)
DEVICE = DevEui("70b3d57ed0000001")


def sheet(text: str | bytes, name: str = "spaces.csv") -> Sheet:
    """What a file with this content says."""
    return files.read(name, text if isinstance(text, bytes) else text.encode(), decoder=Decoder())


def mistakes(text: str | bytes, name: str = "spaces.csv") -> list[str]:
    """What is wrong with a file with this content."""
    return [str(mistake) for mistake in sheet(text, name).mistakes]


def content(found: Sheet) -> list[tuple[Place, Assignment | None]]:
    """What the entries say, without where they say it."""
    assert found.mistakes == ()
    return [(entry.place, entry.assignment) for entry in found.entries]


FULL = (
    Place("central", "level-1", "A-012"),
    Assignment(
        dev_eui=DEVICE, codec="milesight_em310_udl", options={"occupied_below_mm": "1500", "vacant_above_mm": "1600"}
    ),
)
BARE = (Place("central", "level_2", "013"), None)

SAME = {
    "spaces.csv": f"""{HEADER}
central,level-1,A-012,70B3D57ED0000001,0,Milesight-EM310-UDL,occupied_below_mm=1500;vacant_above_mm=1600
central,level_2,013,,,,
""",
    "german-excel.csv": """\ufeffSite;Zone;Space;DEV_EUI;channel;codec;options\r
central;level-1;A-012;70-b3-d5-7e-d0-00-00-01;;milesight_em310_udl;"occupied_below_mm = 1500; vacant_above_mm = 1600;"\r
;;;;;;\r
central;level_2;013;;;;\r
""",
    "tabs.txt": (
        "codec\toptions\tdev_eui\tspace\tzone\tsite\n"
        "milesight_em310_udl\toccupied_below_mm=1500;vacant_above_mm=1600\t70:B3:D5:7E:D0:00:00:01\tA-012\tlevel-1\tcentral\n"
        "\t\t\t013\tlevel_2\tcentral\n"
    ),
    "spaces.toml": """
        [[spaces]]
        site = "central"
        zone = "level-1"
        space = "A-012"
        dev_eui = "70b3d57ed0000001"
        channel = 0
        codec = "milesight_em310_udl"
        options = { occupied_below_mm = 1500, vacant_above_mm = "1600" }

        [[spaces]]
        site = "central"
        zone = "level_2"
        space = "013"
    """,
    "INLINE.TOML": """spaces = [
        { site = "central", zone = "level-1", space = "A-012", dev_eui = "70b3d57ed0000001", codec = "milesight_em310_udl", options.occupied_below_mm = 1500, options.vacant_above_mm = 1600 },
        { site = "central", zone = "level_2", space = "013", dev_eui = "", codec = "" },
    ]""",
}


@pytest.mark.parametrize("name", SAME)
def test_a_register_can_be_written_in_many_ways(name: str) -> None:
    """The same, as exported, from a German Excel, with tabs, and in TOML."""
    assert content(sheet(SAME[name], name)) == [FULL, BARE]


WRONG = {
    "central,level-1,": ["space is missing"],
    "a b,level-1,A": ["site cannot be 'a b': 1 to 64 letters a to z, digits, - and _ make a name"],
    "central,+,A": ["zone cannot be '+': 1 to 64 letters a to z, digits, - and _ make a name"],
    "central,level/1,A": ["zone cannot be 'level/1': 1 to 64 letters a to z, digits, - and _ make a name"],
    f"central,level-1,{'A' * 65}": [
        f"space cannot be '{'A' * 40}…': 1 to 64 letters a to z, digits, - and _ make a name"
    ],
    "central,level-1,ä,70b3": [
        "space cannot be 'ä': 1 to 64 letters a to z, digits, - and _ make a name",
        "dev_eui cannot be '70b3': 16 hexadecimal digits make a DevEUI",
    ],
    "central,level-1,A,7.06E+15": [
        "dev_eui cannot be '7.06E+15': a spreadsheet made a number of it; format the column as text"
    ],
    f"central,level-1,A,{DEVICE},1,milesight_em310_udl": [
        "channel cannot be 1: the channels of milesight_em310_udl are none, because it has one sensor"
    ],
    f"central,level-1,A,{DEVICE},5,dragino_dds04_lb": [
        "channel cannot be 5: the channels of dragino_dds04_lb are 1, 2, 3, 4"
    ],
    f"central,level-1,A,{DEVICE},256": ["channel cannot be '256', only 0 to 255"],
    "central,level-1,A,,1": ["channel says which sensor of a device is meant, but dev_eui names none"],
    f"central,level-1,A,{DEVICE},-1": ["channel cannot be '-1', only a whole number"],
    f"central,level-1,A,{DEVICE},0,milesight_em310_ud": [
        "no codec is named milesight_em310_ud; did you mean milesight_em310_udl?"
    ],
    f"central,level-1,A,{DEVICE},0,bosch_tps110_v029,occupied_below=1": [
        "bosch_tps110_v029 has no option occupied_below; it has firmware"
    ],
    f"central,level-1,A,{DEVICE},0,milesight_em310_udl,occupied_below_mm=near": [
        "milesight_em310_udl: occupied_below_mm cannot be 'near', only a whole number"
    ],
    f"central,level-1,A,{DEVICE},0,nwave_nps405": [
        (
            "nwave_nps405 needs the option layout (current or legacy), because no payload contains it, or use a name that sets it:"
            " nwave_nps405_current, nwave_nps405_legacy"
        )
    ],
    f"central,level-1,A,{DEVICE},0,,port": [
        "options cannot contain 'port': key=value;key=value is how options are written"
    ],
    f"central,level-1,A,{DEVICE},0,,port=1;port=2": ["options names 'port' twice"],
    f"central,level-1,A,{DEVICE},0,,port=\x01x": ["options cannot contain 'port=\\x01x': it has control characters"],
    "central,level-1,A,,,bosch_tps110_v029": ["codec says how a device is read, but dev_eui names none"],
    "central,level-1,A,,,,,60": ["lost_after says how long a device may be silent, but dev_eui names none"],
    "central,level-1,A,70b3d57ed0000001,,,,1h": [
        "lost_after cannot be '1h', only a whole number of seconds from 1 to 31536000"
    ],
    "central,level-1,A,70b3d57ed0000001,,,,0": [
        "lost_after cannot be '0', only a whole number of seconds from 1 to 31536000"
    ],
    "central,level-1,A,,,,port=1": ["options says how a device is read, but dev_eui names none"],
    "central,level-1,A,,,,port=1,,,more": [
        "it has 10 cells, and the header 9: a cell with the delimiter in it must stand in quotation marks"
    ],
    "central,level-1,FIRST": ["the space central/level-1/FIRST stands already in line 2"],
    "central,level-1,A,70B3D57ED0000000": ["the device 70b3d57ed0000000 stands already in line 2"],
}


@pytest.mark.parametrize("line", WRONG)
def test_every_wrong_line_is_named_and_the_others_are_read(line: str) -> None:
    text = f"{HEADER}\ncentral,level-1,FIRST,70b3d57ed0000000\n\n{line}\ncentral,level-1,LAST,,,\n"
    assert mistakes(text) == [f"line 4: {what}" for what in WRONG[line]]
    assert [entry.where for entry in sheet(text).entries if entry.where != "line 4"] == ["line 2", "line 5"]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    """A cell with a line break in it takes two lines, an empty line one."""
    text = f'{HEADER}\r\ncentral,level-1,A,{DEVICE},0,,"port=1;\r\nx=2"\r\n\r\ncentral,level-1,\r\n'
    assert mistakes(text) == ["line 5: space is missing"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [f"line 1: the file is empty; its first line must be {HEADER}"]),
        ("\n\n", [f"line 1: the file is empty; its first line must be {HEADER}"]),
        (
            "site,zone,spaces,notes\na,b,c\n",
            [
                "line 1: the header has an unknown column 'spaces'; did you mean space?",
                "line 1: the header has an unknown column 'notes'; there are site, zone, space, dev_eui, channel, codec, options, lost_after, sensors",
                f"line 1: the header lacks space; it must begin like {HEADER}",
            ],
        ),
        ("site,zone,zone,space\na,b,c,d\n", ["line 1: the header names zone twice"]),
        (
            f'{HEADER}\na,b,c\na,b,"d\na,b,\n',
            ["line 3: it is no CSV: unexpected end of data; nothing from here on can be read"],
        ),
        ('"site', ["line 1: it is no CSV: unexpected end of data; nothing from here on can be read"]),
        (f"{HEADER}\n".encode("utf-16"), ["line 1: the file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)"]),
        (
            f"{HEADER}\na,b,c\na,b,ä\n".encode("latin-1"),
            ["line 3: the file is not UTF-8; save it as UTF-8 (in Excel: CSV UTF-8)"],
        ),
    ],
)
def test_a_file_that_is_no_register_is_refused_with_the_reason(text: str | bytes, expected: list[str]) -> None:
    assert mistakes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = [", ["the file: it is no TOML: Invalid value (at end of document)"]),
        (f"x = {'[' * 100_000}", ["the file: it is no TOML: maximum recursion depth exceeded"]),
        ("space = 1", ["the file: the key 'space' is unknown; every space is a table [[spaces]]"]),
        ("spaces = 1", ["the file: spaces must be tables: [[spaces]]"]),
        ("spaces = [1]", ["the file: spaces must be tables: [[spaces]]"]),
        (
            """
            [[spaces]]
            site = "central"
            zone = 1
            space = "A"
            chanel = 0

            [[spaces]] # the second
            channel = true
            options = "a=b"
            """,
            [
                "line 2: zone must be text, in quotation marks",
                "line 2: the key 'chanel' is unknown; did you mean channel?",
                "line 8: channel must be a whole number",
                "line 8: options must be a table, such as { occupied_below_mm = 1500 }",
            ],
        ),
        (
            'spaces = [{site = "a", zone = "b"}, {site = "a", zone = "b", space = "c", options = {a = "1;b=2", b = []}}]',
            [
                "space 1: space is missing",
                "space 2: the option 'a' must be a number, true, false, or text without ; and line breaks",
                "space 2: the option 'b' must be a number, true, false, or text without ; and line breaks",
            ],
        ),
    ],
)
def test_mistakes_in_toml_are_named_too(text: str, expected: list[str]) -> None:
    assert mistakes(text, "spaces.toml") == expected


def test_truth_is_written_as_codecs_read_it() -> None:
    text = (
        'spaces = [{site = "a", zone = "b", space = "c", dev_eui = "70b3d57ed0000001", options = {x = true, y = 1.5}}]'
    )
    ((_, assignment),) = content(sheet(text, "spaces.toml"))
    assert assignment == Assignment(dev_eui=DEVICE, options={"x": "true", "y": "1.5"})


names = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
readings = st.sampled_from(
    [
        (None, {}),
        (None, {"any": 'thing, "quoted"', "other": "a=b"}),
        ("bosch_tps110", {"firmware": "v029"}),
        ("milesight_em310_udl", {"occupied_below_mm": "400", "port": "7"}),
    ]
)
assignments = st.none() | st.builds(
    lambda number, reading: Assignment(dev_eui=DevEui(f"{number:016x}"), codec=reading[0], options=reading[1]),
    st.integers(0, 2**64 - 1),
    readings,
)
entries = st.lists(
    st.builds(Entry, place=st.builds(Place, names, names, names), assignment=assignments),
    unique_by=(lambda entry: entry.place, lambda entry: entry.assignment.dev_eui if entry.assignment else entry.place),
)


@given(entries)
def test_what_is_exported_can_be_imported(written: list[Entry]) -> None:
    """Import after export is the identity."""
    read = content(sheet(csv_files.text_of(written)))
    assert read == [(entry.place, entry.assignment) for entry in written]


cells = st.sampled_from(
    [*COLUMNS, "a", DEVICE, "bosch_tps110", "port=1", '"', ",", ";", "\t", "\n", "\r", "\x00", "\u2028"]
)
scraps = st.lists(cells | st.text(max_size=5)).map("".join).map(str.encode)


@given(st.binary() | scraps | scraps.map(lambda scrap: f"{HEADER}\n".encode() + scrap))
def test_any_file_gives_entries_or_mistakes(data: bytes) -> None:
    """Nothing that a file holds raises, and what is neither entry nor mistake does not exist."""
    found = sheet(data)
    assert found.mistakes or all(entry.where for entry in found.entries)


keys = st.sampled_from([*COLUMNS, "spaces", "x"])
values = st.recursive(
    st.sampled_from(['"a"', '"70b3d57ed0000001"', "1", "true", "1.5", "nan", "2026-11-23", '""', "9" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda many: f"[{','.join(many)}]")
        | st.dictionaries(keys, inner, max_size=8).map(
            lambda table: "{" + ",".join(f"{key}={value}" for key, value in table.items()) + "}"
        )
    ),
)
documents = st.lists(
    st.just("[[spaces]]") | st.builds("{}={}".format, keys, values) | st.text(max_size=5), max_size=12
).map("\n".join)


@given(st.binary() | documents.map(str.encode))
def test_any_toml_gives_entries_or_mistakes(data: bytes) -> None:
    found = sheet(data, "spaces.toml")
    assert found.mistakes or all(entry.where for entry in found.entries)
