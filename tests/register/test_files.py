"""Files of the register: what they may say, and that every mistake is named with its line."""

from datetime import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from parking_gateway.core.audience import Audience
from parking_gateway.core.events import DevEui
from parking_gateway.core.stay_limit import StayLimit
from parking_gateway.decoding.decoder import Decoder
from parking_gateway.register import csv_files, files, toml_files
from parking_gateway.register.entries import ATTRIBUTES, COLUMNS, Assignment, Entry, Place, Sheet
from parking_gateway.register.settings import Setting

HEADER = ",".join(COLUMNS)
DEVICE = DevEui("70b3d57ed0000001")


def sheet(text: str | bytes, name: str = "spaces.csv") -> Sheet:
    """What a file with this content says."""
    return files.read(name, text if isinstance(text, bytes) else text.encode(), decoder=Decoder())


def mistakes(text: str | bytes, name: str = "spaces.csv") -> list[str]:
    """What is wrong with a file with this content."""
    return [str(mistake) for mistake in sheet(text, name).mistakes]


def content(found: Sheet) -> list[tuple[Place, Assignment | None]]:
    """What the entries say, without where they say it, and without what they do not say."""
    assert found.mistakes == ()
    return [(entry.place, entry.assignment and replace(entry.assignment, kept=frozenset())) for entry in found.entries]


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
    "central,level-1,A,,,,port=1,,,,,,,,,,more": [
        "it has 17 cells, and the header 16: a cell with the delimiter in it must stand in quotation marks"
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
                f"line 1: the header has an unknown column 'notes'; there are {', '.join(COLUMNS)}",
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


def test_a_site_or_zone_with_two_tables_is_refused() -> None:
    """Each of them would change the settings of the other at every import."""
    text = """
[[sites]]
site = "central"

[[zones]]
site = "central"
zone = "level-1"
max_stay = 60

[[zones]]
site = "north"
zone = "level-1"

[[zones]]
site = "central"
zone = "level-1"
max_stay = 120

[[sites]]
site = "central"
time_zone = "Europe/Berlin"
"""
    assert mistakes(text, "spaces.toml") == [
        "line 19: the site central stands already in line 2",
        "line 14: the zone central/level-1 stands already in line 5",
    ]


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


def to_degrees(value: float) -> float:
    """As many digits as a file may have."""
    return round(value, 6) + 0.0


positions = st.none() | st.tuples(st.floats(-90, 90).map(to_degrees), st.floats(-180, 180).map(to_degrees))
words = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)


def attributes_of(
    audience: Audience | None, position: tuple[float, float] | None, tags: list[str]
) -> dict[str, object]:
    lat, lon = position or (None, None)
    purpose, max_stay = (tags[0], 7200) if tags else (None, None)
    return {"audience": audience, "purpose": purpose, "lat": lat, "lon": lon, "max_stay": max_stay, "tags": tags}


attributes = st.builds(
    attributes_of, st.none() | st.sampled_from(Audience), positions, st.lists(words, unique=True, max_size=3)
)
entries = st.lists(
    st.builds(Entry, place=st.builds(Place, names, names, names), assignment=assignments, attributes=attributes),
    unique_by=(lambda entry: entry.place, lambda entry: entry.assignment.dev_eui if entry.assignment else entry.place),
)
limits = st.builds(
    StayLimit,
    seconds=st.integers(1, 31_536_000),
    audience=st.none() | st.sampled_from(Audience),
    begins=st.sampled_from([time(0), time(8)]),
    ends=st.sampled_from([time(12, 30), time(18)]),
) | st.builds(StayLimit, seconds=st.just(60))
settings_of_places = st.lists(
    st.builds(Setting, site=names, values=st.just({"time_zone": "Europe/Berlin", "lat": 52.5, "lon": -0.000013}))
    | st.builds(
        Setting,
        site=names,
        zone=names,
        values=st.builds(
            lambda longest, several: {"max_stay": longest, "stay_limits": several or None},
            st.none() | st.integers(1, 86_400),
            st.lists(limits, max_size=3),
        ),
    ),
    unique_by=lambda one: (one.site, one.zone),
)


@settings(max_examples=30)
@given(entries)
def test_what_is_exported_can_be_imported(written: list[Entry]) -> None:
    """Import after export is the identity."""
    found = sheet(csv_files.text_of(written))
    assert content(found) == [(entry.place, entry.assignment) for entry in written]
    assert [entry.attributes for entry in found.entries] == [entry.attributes for entry in written]


@settings(max_examples=30)
@given(entries, settings_of_places)
def test_what_is_exported_as_toml_can_be_imported(written: list[Entry], given_settings: list[Setting]) -> None:
    """A table has no key for what is null, so what is not given is compared as null. Tags are always given."""
    found = sheet(toml_files.text_of(written, given_settings), "spaces.toml")
    assert content(found) == [(entry.place, entry.assignment) for entry in written]
    assert [dict.fromkeys(ATTRIBUTES) | dict(entry.attributes) for entry in found.entries] == [
        entry.attributes for entry in written
    ]
    given_values = [
        (one.site, one.zone, {key: value for key, value in one.values.items() if value is not None})
        for one in sorted(given_settings, key=lambda one: one.zone is not None)
    ]
    assert [(one.site, one.zone, one.values) for one in found.settings] == given_values


SETTINGS = """
[[sites]]
site = "central"
time_zone = "Europe/Berlin"

[[zones]]
site = "central"
zone = "level-1"
max_stay = 14400
stay_limits = ["ev 08:00-18:00 7200", "22:00-06:00 3600", "delivery 900"]
"""


def test_settings_of_sites_and_zones_are_tables_too() -> None:
    found = sheet(SETTINGS, "spaces.toml")
    assert found.mistakes == ()
    assert [(one.site, one.zone, one.where) for one in found.settings] == [
        ("central", None, "line 2"),
        ("central", "level-1", "line 6"),
    ]
    assert found.settings[1].values == {
        "max_stay": 14_400,
        "stay_limits": [
            StayLimit(seconds=7200, audience=Audience.EV, begins=time(8), ends=time(18)),
            StayLimit(seconds=3600, begins=time(22), ends=time(6)),
            StayLimit(seconds=900, audience=Audience.DELIVERY),
        ],
    }


@pytest.mark.parametrize(
    ("wrong", "expected"),
    {
        'time_zone = "Europe/Muenchen"': "time_zone cannot be 'Europe/Muenchen': a time zone has a name such as Europe/Berlin",
        'time_zone = "../etc"': "time_zone cannot be '../etc': a time zone has a name such as Europe/Berlin",
        "time_zone = 1": "time_zone must be text, in quotation marks",
        "max_stay = 1": "the key 'max_stay' is unknown; there are site, time_zone, lat, lon",
        "lat = 91": "lat cannot be '91', only degrees from -90 to 90, such as 48.137",
    }.items(),
)
def test_a_wrong_setting_of_a_site_is_named(wrong: str, expected: str) -> None:
    assert mistakes(f'[[sites]]\nsite = "central"\n{wrong}', "a.toml") == [f"line 1: {expected}"]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    {
        "ev": "stay_limits cannot be 'ev', only a whole number of seconds from 1 to 31536000",
        "cars 60": f"stay_limits cannot be 'cars': there are {', '.join(Audience)}",
        "08:00-08:00 60": "stay_limits cannot contain '08:00-08:00': the hours are none; leave them out for the whole day",
        "08:00-25:00 60": "stay_limits cannot contain '25:00': hours are from 00:00 to 24:00",
        "ev ev 60": "stay_limits cannot contain 'ev ev 60': a limit is written as `ev 08:00-18:00 7200`",
        "08:00-09:00 10:00-11:00 60": "stay_limits cannot contain '08:00-09:00 10:00-11:00 60': a limit is written as `ev 08:00-18:00 7200`",
    }.items(),
)
def test_a_wrong_limit_is_named(wrong: str, expected: str) -> None:
    text = f'[[zones]]\nsite = "central"\nzone = "level-1"\nstay_limits = ["{wrong}"]'
    assert mistakes(text, "a.toml") == [f"line 1: {expected}"]


def test_wrong_attributes_are_named() -> None:
    text = f"{HEADER}\ncentral,level-1,A,,,,,,,,cars,a b,91,1e3,0,x;a/b\ncentral,level-1,B,,,,,,,,,,48.137,,,"
    assert mistakes(text) == [
        f"line 2: audience cannot be 'cars': there are {', '.join(Audience)}",
        "line 2: purpose cannot be 'a b': 1 to 64 letters a to z, digits, - and _ make a name",
        "line 2: lat cannot be '91', only degrees from -90 to 90, such as 48.137",
        "line 2: lon cannot be '1e3', only degrees from -180 to 180, such as 48.137",
        "line 2: max_stay cannot be '0', only a whole number of seconds from 1 to 31536000",
        "line 2: tags cannot be 'a/b': 1 to 64 letters a to z, digits, - and _ make a name",
        "line 3: lat and lon are a position together, and one of them is missing",
    ]


def test_what_a_file_does_not_say_is_kept() -> None:
    """An empty cell is no value, and a column that is not there says nothing."""
    (entry,) = sheet(f"site,zone,space,dev_eui,codec,audience\na,b,c,{DEVICE},,").entries
    assert entry.assignment is not None
    assert entry.assignment.kept == frozenset(("options", "lost_after", "observe"))
    assert entry.attributes == {"audience": None}


cells = st.sampled_from(
    [*COLUMNS, "a", DEVICE, "bosch_tps110", "port=1", '"', ",", ";", "\t", "\n", "\r", "\x00", "\u2028"]
)
scraps = st.lists(cells | st.text(max_size=5)).map("".join).map(str.encode)


@given(st.binary() | scraps | scraps.map(lambda scrap: f"{HEADER}\n".encode() + scrap))
def test_any_file_gives_entries_or_mistakes(data: bytes) -> None:
    """Nothing that a file holds raises, and what is neither entry nor mistake does not exist."""
    found = sheet(data)
    assert found.mistakes or all(entry.where for entry in found.entries)


keys = st.sampled_from([*COLUMNS, "spaces", "zones", "stay_limits", "x"])
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
    st.sampled_from(["[[spaces]]", "[[zones]]", "[[sites]]"])
    | st.builds("{}={}".format, keys, values)
    | st.text(max_size=5),
    max_size=12,
).map("\n".join)


@given(st.binary() | documents.map(str.encode))
def test_any_toml_gives_entries_or_mistakes(data: bytes) -> None:
    found = sheet(data, "spaces.toml")
    assert found.mistakes or all(entry.where for entry in found.entries)


def test_a_scanner_fills_the_column_of_the_devices() -> None:
    label = "LW:D0:24E124C0002A0001:24E124713B123456:02590001"
    (entry,) = sheet(f"site,zone,space,dev_eui\na,b,c,{label}").entries
    assert entry.assignment is not None
    assert entry.assignment.dev_eui == "24e124713b123456"
    (mistake,) = mistakes(f"site,zone,space,dev_eui\na,b,c,{label[:-1]}")
    assert (
        "dev_eui is a label that cannot be read: The ProfileID of the label has to be 8 hexadecimal digits" in mistake
    )
