"""The text of a QR code is a label with a DevEUI, or a sentence about what is wrong with it."""

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parking_gateway.decoding import codecs
from parking_gateway.register.label import BadLabel, Label, checksum, read
from parking_gateway.register.labelled import ModelSource, labelled
from parking_gateway.register.vendors import PREFIXES, VENDOR_IDS

PUBLISHED = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C"
"""The example of TR005."""
KEY = "5572404C696E6B4C6F52613230313823"
euis = st.integers(0, 2**64 - 1).map("{:016X}".format)
values = st.text(string.ascii_uppercase + string.digits + "-_.", min_size=1, max_size=20)


def test_the_published_example_is_read_with_its_checksum() -> None:
    assert read(PUBLISHED) == Label(
        format="TR005",
        dev_eui=read("AABBCCDDEEFF0011").dev_eui,
        join_eui="1122334455667788",
        profile_id="AABB1122",
        serial="YYWWNNNNNN",
    )
    assert checksum(PUBLISHED.removesuffix(":CAF2C")) == "AF2C"


@given(
    join=euis,
    dev=euis,
    vendor=st.sampled_from(sorted(VENDOR_IDS)),
    number=st.integers(0, 0xFFFF),
    fields=st.dictionaries(st.sampled_from("OSP"), values).flatmap(
        lambda found: st.permutations(sorted(found.items()))
    ),
    has_checksum=st.booleans(),
)
def test_a_label_of_tr005_has_its_fields_in_any_order(
    join: str, dev: str, vendor: int, number: int, fields: list[tuple[str, str]], *, has_checksum: bool
) -> None:
    text = ":".join(["LW:D0", join, dev, f"{vendor:04X}{number:04X}", *(letter + value for letter, value in fields)])
    if has_checksum:
        text += f":C{checksum(text)}"
    found = read(text)
    assert (found.dev_eui, found.join_eui) == (dev.lower(), join.lower())
    assert (found.vendor, found.serial) == (VENDOR_IDS[vendor], dict(fields).get("S"))


@given(place=st.integers(6, len(PUBLISHED) - 7), character=st.sampled_from(string.ascii_uppercase + string.digits))
def test_the_checksum_finds_every_wrong_character(place: int, character: str) -> None:
    wrong = PUBLISHED[:place] + character + PUBLISHED[place + 1 :]
    if wrong == PUBLISHED:
        return
    with pytest.raises(BadLabel):
        read(wrong)


def test_a_checksum_that_is_not_the_last_field_is_of_the_other_fields() -> None:
    begin, rest = "LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122", ":OABC:S12"
    for whole in (begin + rest, begin):
        assert read(f"{begin}:C{checksum(whole)}{rest}").serial == "12"
    with pytest.raises(BadLabel, match="checksum of the label does not fit"):
        read(f"{begin}:C0000{rest}")


@given(text=st.text(max_size=200) | st.from_regex(r"(LW:D0|URN:LWDP|URN:LW:DP|URN:DEV:LW|https://|\{|DevEUI=).{0,80}"))
@example("https://[")
@example('{"DevEUI": "\ud800"}')
@example("LW:D0:")
@example("URN:DEV:LW:")
def test_any_text_is_a_label_or_a_sentence(text: str) -> None:
    try:
        outcome: Label | BadLabel = read(text)
    except BadLabel as mistake:
        outcome = mistake
    if isinstance(outcome, Label):
        assert re.fullmatch("[0-9a-f]{16}", outcome.dev_eui)
    else:
        assert re.search("label|QR code", str(outcome))


@pytest.mark.parametrize(
    ("text", "dev_eui", "vendor", "model"),
    [
        (
            "URN:LW:DP:0016C00000000001:58A0CBFFFFFEFFFF:FACE800C:%VF1FB552B%S201907160010",
            "58a0cbfffffeffff",
            "Browan",
            None,
        ),
        ("URN:DEV:LW:42FFFFFFFFFFFFFF_4242FFFFFFFFFFFF_42FFFF42_V0102", "4242ffffffffffff", None, None),
        ("URN:LWDP:58A0CB0000210000:58A0CBFFFFFEFFFF:tbms100915:4D4483B1", "58a0cbfffffeffff", "Browan", "tbms100915"),
        (
            "HTTPS://WWW.MILESIGHT-IOT.COM/QR?PN=EM310-UDL&DEVEUI=24E124713B123456",
            "24e124713b123456",
            "Milesight",
            "EM310-UDL",
        ),
        (
            "https://www.milesight.com/#/device/24E124713B123456?model=EM400-TLD",
            "24e124713b123456",
            "Milesight",
            "EM400-TLD",
        ),
        ("HTTPS://WWW.MILESIGHT-IOT.COM/?SN=24E124713B123456", "24e124713b123456", "Milesight", None),
        (
            f'{{"device": {{"devEUI": "24E124713B123456"}}, "appKey": "{KEY}"}}',
            "24e124713b123456",
            "Milesight",
            None,
        ),
        (f"DevEUI=A84041035660E3AA\r\nAppEUI=A840410000000107\r\nAppKey={KEY}", "a84041035660e3aa", "Dragino", None),
        ("Model: ELT-2, DevEui:A81758FFFE000000", "a81758fffe000000", "ELSYS", "ELT-2"),
        (f"DS026349738;A84041035660E3AA;{KEY}", "a84041035660e3aa", "Dragino", None),
        (" a8-40-41-03-56-60-e3-aa\n", "a84041035660e3aa", "Dragino", None),
        ("647FDA00000073C6:647FDA8010000000", "647fda00000073c6", "TEKTELIC", None),
        ("0004A30B001A2B3C", "0004a30b001a2b3c", None, None),
    ],
)
def test_labels_of_vendors_are_read(text: str, dev_eui: str, vendor: str | None, model: str | None) -> None:
    found = read(text)
    assert (found.dev_eui, found.vendor, found.model) == (dev_eui, vendor, model)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "The text of the QR code is empty"),
        ("A" * 1001, "The text of the QR code has 1,001 characters"),
        ("https://example.com/menu", r"The code \(web address\) has no DevEUI. Type the DevEUI"),
        ("https://www.milesight.com/?SN=6713B12345600001", "has a serial number, which is another number"),
        ("LW:D0:24E124C0002A0001:24E124713B123456", "The label ends before its ProfileID"),
        ("LW:D0:24E124C0002A0001:24E124713B12345:02590001", "The DevEUI of the label has 15 characters"),
        ("LW:D0:24E124C0002A0001:24E124713B12345O:02590001", "Character 16 of the label's DevEUI is no hexadecimal"),
        ("LW:D0:24E124C0002A0001:24E124713B123456:0259", "The ProfileID of the label has to be 8 hexadecimal digits"),
        ("LW:D0:24E124C0002A0001:24E124713B123456:02590001:S1:S2", "Field 7 of the label is a second serial number"),
        (
            "LW:D0:24E124C0002A0001:24E124713B123456:02590001:C12",
            "checksum of the label has to be 4 hexadecimal digits",
        ),
        ("LW:D1:24E124C0002A0001:24E124713B123456:02590001", "The text is no label that the gateway reads"),
        ("A84041035660E3AA A840410000000107", "The text has 2 EUIs"),
        ("{", "begins as JSON and is not JSON"),
        ("hello", "The text is no label that the gateway reads"),
    ],
)
def test_a_text_that_is_no_label_is_refused_with_the_place_and_what_to_do(text: str, why: str) -> None:
    with pytest.raises(BadLabel, match=why) as refused:
        read(text)
    assert text[6:] not in str(refused.value) or len(text) < 10


@given(eui=euis)
def test_no_message_repeats_a_key(eui: str) -> None:
    for text in (f"AppKey={KEY}", f"{KEY} {eui} {eui}", f"LW:D0:{eui}:{KEY}:02590001", f'{{"AppKey": "{KEY}"}}'):
        with pytest.raises(BadLabel) as refused:
            read(text)
        assert KEY not in str(refused.value)
        assert eui not in str(refused.value)


def test_the_vendors_of_labels_are_those_of_codecs_by_the_same_names() -> None:
    ours = {one.device.vendor for one in codecs.modules()}
    assert {*VENDOR_IDS.values(), *PREFIXES.values()} - ours <= {"TEKTELIC"}


@pytest.mark.parametrize(
    ("text", "fitting", "model_of"),
    [
        ("URN:LWDP:58A0CB0000210000:58A0CBFFFFFEFFFF:TBMS100915:1", ["browan_tbms100"], ModelSource.LABEL),
        ('{"DevEUI": "24E124713B123456", "model": "EM310-UDL-868M"}', ["milesight_em310_udl"], ModelSource.LABEL),
        ('{"DevEUI": "24E124713B123456", "model": "EM400-TLD"}', ["milesight_em400"], ModelSource.LABEL),
        ("0004A30B001A2B3C", [], None),
        ('{"DevEUI": "A84041035660E3AA", "model": "EM310-UDL"}', None, None),
        ("LW:D0:24E124C0002A0001:24E124713B123456:02590001", None, None),
    ],
)
def test_the_codecs_of_the_model_fit_else_those_of_the_vendor(
    text: str, fitting: list[str] | None, model_of: ModelSource | None
) -> None:
    known = codecs.modules()
    label = read(text)
    if fitting is None:
        fitting = sorted(one.name for one in known if one.device.vendor == label.vendor)
        assert len(fitting) > 1
    found = labelled(label, known)
    assert (found.codecs, found.model_of) == (fitting, model_of)


def test_the_profile_names_the_model_if_the_label_does_not() -> None:
    """It is suggested and not chosen: a profile of several models can have the name of one of them."""
    label = read("LW:D0:24E124C0002A0001:24E124713B123456:02590001")
    found = labelled(label, codecs.modules(), profile="Sensors of the garage")
    assert found.model_of is None
    found = labelled(label, codecs.modules(), profile="Milesight EM310-UDL (garage)")
    assert (found.codecs, found.model_of, found.only) == (["milesight_em310_udl"], ModelSource.PROFILE, None)
