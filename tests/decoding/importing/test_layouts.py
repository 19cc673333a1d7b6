"""Each layout is read, and its examples give the published output."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parking_gateway.decoding.declared.bench import Bench
from parking_gateway.decoding.importing import layouts
from parking_gateway.decoding.importing.choosing import codec_of
from parking_gateway.decoding.importing.preparing import Prepared, prepared
from parking_gateway.decoding.importing.published import Checkout, NotUsable
from tests.decoding.importing import checkouts


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.end()


def tried(checkout: Checkout, bench: Bench) -> list[Prepared]:
    return [prepared(codec, bench) for codec in checkout.codecs]


@pytest.mark.parametrize(
    ("make", "repository", "names", "count"),
    [
        (checkouts.the_things_network, "TheThingsNetwork/lorawan-devices", ["acme/bay-x1"], 4),
        (checkouts.chirpstack, "chirpstack/chirpstack-device-profiles", ["acme/bay-x1"], 2),
        (checkouts.actility, "actility/device-catalog", ["acme/old", "acme/sonar-2"], 2),
    ],
)
def test_the_examples_of_a_layout_give_the_published_output(
    tmp_path: Path, bench: Bench, make: Callable[[Path], Path], repository: str, names: list[str], count: int
) -> None:
    checkout = layouts.read(make(tmp_path))
    found = tried(checkout, bench)
    assert checkout.repository == repository
    assert checkout.mistakes == ()
    assert [one.codec.name for one in found] == names
    assert {one.codec.vendor_name for one in found} == {"Acme Parking"}
    outcomes = [outcome for one in found for outcome in one.outcomes]
    assert [outcome.differences for outcome in outcomes] == [[]] * count


def test_what_is_known_of_a_parking_sensor(tmp_path: Path, bench: Bench) -> None:
    checkout = layouts.read(checkouts.the_things_network(tmp_path))
    (one,) = tried(checkout, bench)
    assert checkout.licence == "The Licence of Nobody Copyright 2026 (LICENSE)"
    assert checkout.commit is None
    assert one.is_proven
    assert one.gives == "occupancy"
    assert one.why_relevant == "described with 'parking', and its examples have an occupancy"
    assert one.sizes == {1: {3}}


def test_the_commit_and_the_origin_are_those_of_the_checkout(tmp_path: Path) -> None:
    root = checkouts.the_things_network(tmp_path)
    commit = "0123456789abcdef0123456789abcdef01234567"
    checkouts.write(
        root,
        {
            ".git/HEAD": "ref: refs/heads/main\n",
            ".git/packed-refs": f"# pack-refs\n{commit} refs/heads/main\n",
            ".git/config": '[remote "origin"]\n\turl = https://github.com/somebody/lorawan-devices.git\n',
        },
    )
    checkout = layouts.read(root)
    assert checkout.commit == commit
    assert checkout.repository == "somebody/lorawan-devices"


def test_a_difference_names_the_member_and_both_values(tmp_path: Path, bench: Bench) -> None:
    root = checkouts.the_things_network(tmp_path)
    (root / "vendor/acme/bay.js").write_text(checkouts.SCRIPT.replace("* 20", "* 10"))
    (one,) = tried(layouts.read(root), bench)
    assert one.outcomes[0].differences == ["data.battery_mv is 1800, published is 3600"]
    assert not one.outcomes[3].differences


def test_a_file_that_cannot_be_read_leaves_all_others(tmp_path: Path) -> None:
    root = checkouts.the_things_network(tmp_path)
    (root / "vendor/acme/broken.yaml").write_text("{ a: [")
    (root / "vendor/acme/missing-codec.yaml").write_text("uplinkDecoder: { fileName: missing.js }")
    checkout = layouts.read(root)
    assert [codec.name for codec in checkout.codecs] == ["acme/bay-x1"]
    broken, missing = checkout.mistakes
    assert broken.why.startswith("vendor/acme/broken.yaml is no YAML")
    assert missing.why == "vendor/acme/missing.js cannot be read: No such file or directory"


@pytest.mark.parametrize("name", ["../../../secret.js", "link.js"])
def test_no_path_leads_out_of_the_checkout(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.js"
    secret.write_text("function decodeUplink() { return { data: { secret: true } }; }")
    root = checkouts.the_things_network(tmp_path / "checkout")
    (root / "vendor/acme/link.js").symlink_to(secret)
    (root / "vendor/acme/bay-codec.yaml").write_text(f"uplinkDecoder: {{ fileName: {name} }}")
    checkout = layouts.read(root)
    assert checkout.codecs == ()
    assert checkout.mistakes[0].why.endswith("leads out of the checkout")


def test_a_required_file_outside_the_checkout_is_not_read(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "secret.js").write_text("exports.secret = 1;")
    root = checkouts.actility(tmp_path / "checkout")
    (root / "vendors/acme/drivers/old/main.js").write_text(
        'const { secret } = require("../../../../../secret.js"); function Decoder() { return { secret }; }'
    )
    old = prepared(layouts.read(root).codecs[0], bench)
    assert old.outcomes[0].differences == ["the script threw ReferenceError: require is not defined (line 1)"]


def test_another_folder_is_refused_with_the_known_layouts(tmp_path: Path) -> None:
    with pytest.raises(
        NotUsable, match=r"none of the known layouts: TheThingsNetwork/lorawan-devices \(vendor/index.yaml\)"
    ):
        layouts.read(tmp_path)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ("acm/bay-x1", "no vendor is 'acm'; did you mean acme?"),
        ("acme/bay-x2", "acme has no 'bay-x2'; did you mean bay-x1?"),
        ("acme", "'acme' names no device"),
    ],
)
def test_an_unknown_device_is_refused_with_the_nearest_name(tmp_path: Path, device: str, why: str) -> None:
    with pytest.raises(NotUsable, match=r".") as refusal:
        codec_of(layouts.read(checkouts.the_things_network(tmp_path)), device)
    assert why in str(refusal.value)


def test_a_device_of_several_scripts_is_chosen_by_the_script(tmp_path: Path) -> None:
    root = checkouts.the_things_network(tmp_path)
    for name in ("bay-x1", "new"):
        (root / f"vendor/acme/{name}-codec.yaml").write_text(f"uplinkDecoder: {{ fileName: {name}.js }}")
        (root / f"vendor/acme/{name}.js").write_text(checkouts.SCRIPT)
    (root / "vendor/acme/bay-x1.yaml").write_text(
        "firmwareVersions: [{ profiles: { EU: { codec: bay-x1-codec }, US: { codec: new-codec } } }]"
    )
    checkout = layouts.read(root)
    with pytest.raises(NotUsable, match=r"choose one by its name: acme/bay-x1\.js, acme/new\.js$"):
        codec_of(checkout, "acme/bay-x1")
    assert codec_of(checkout, "acme/bay-x1.js").script == "vendor/acme/bay-x1.js"
    assert codec_of(checkout, "Acme/New.js").script == "vendor/acme/new.js"


def test_an_endless_script_and_a_deep_output_are_differences(tmp_path: Path, bench: Bench) -> None:
    """All other codecs of the checkout are tried."""
    root = checkouts.the_things_network(tmp_path)
    deep = "var deep = []; for (var n = 0; n < 3000; n++) deep = [deep]; return { data: { deep } };"
    script = f"function decodeUplink(input) {{ if (input.fPort === 9) {{ {deep} }} for (;;); }}"
    (root / "vendor/acme/bay.js").write_text(script)
    (one,) = tried(layouts.read(root), bench)
    assert [outcome.differences[0].partition(" (")[0] for outcome in one.outcomes] == [
        "the script threw InternalError: interrupted",
        "the script has no function normalizeUplink",
        "the script threw InternalError: interrupted",
        "the script threw RangeError: Maximum call stack size exceeded",
    ]
