"""Bytes -> text: what browsers do, damaged and binary input, and no exception ever."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dechrome.encoding import decode_html, decode_text, find_codec, scrub

STEADY = settings(derandomize=True, deadline=None)
RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. Широкая электрификация южных губерний. " * 3
GREEK = "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία και τα λόγια των ανθρώπων που είναι εδώ σήμερα το πρωί. " * 3
POLISH = "Zażółć gęślą jaźń, a w ciągu dnia można się też uczyć języków obcych i pić dobrą herbatę. " * 3
CHINESE = "我们的国家是一个大国，有人说他们在这里生活了很久，你也可以来看一看。" * 3
TRADITIONAL = "我們的國家是一個大國，有人說他們在這裡生活了很久，你也可以來看一看。" * 3
JAPANESE = "これはとても長い文章です。きつねが森の中を走っていました。" * 3
KOREAN = "이것은 한국어로 쓴 문장이다. 여우가 숲에서 달리고 있다. 우리는 그것을 보았다." * 3
FRENCH = "Voilà déjà l’été où les élèves rêvent à côté du château. " * 3


@pytest.mark.parametrize(
    ("data", "charset", "expected"),
    [
        (b"plain", None, "plain"),
        ("\ufeffé".encode(), "latin1", "é"),
        ("é".encode("utf-16"), None, "é"),
        ("狐".encode("utf-16-be"), "utf-16be", "狐"),
        (RUSSIAN.encode("utf-16-le"), "utf-16le", RUSSIAN),
        ("狐狸".encode("gb2312"), "gb2312", "狐狸"),
        ("“é”".encode("cp1252"), "iso-8859-1", "“é”"),
        ("テスト①".encode("cp932"), "Shift_JIS", "テスト①"),
        ("똠방각하".encode("cp949"), " EUC-KR ", "똠방각하"),
        ("きつね".encode("iso2022_jp"), "iso-2022-jp", "きつね"),
        (b"<meta charset='windows-1251'>\xeb\xe8\xf1\xe0", None, "<meta charset='windows-1251'>лиса"),
        (
            b'<META http-equiv=x content="text/html; charset=ISO-8859-2">\xb3',
            None,
            '<META http-equiv=x content="text/html; charset=ISO-8859-2">ł',
        ),
        (b"<meta charset=utf-16>\xc3\xa9", None, "<meta charset=utf-16>é"),
        (b"<!-- <meta charset=windows-1251> --><p>\xe9t\xe9", None, "<!-- <meta charset=windows-1251> --><p>été"),
    ],
)
def test_a_declared_charset_is_read_as_browsers_do(data: bytes, charset: str | None, expected: str) -> None:
    assert decode_html(data, charset) == (expected, ())


def test_valid_utf8_wins_over_a_wrong_declaration() -> None:
    page = "<meta charset=gb2312><p>狐狸在跑"
    assert decode_html(page.encode(), "windows-1252") == (page, ())


def test_a_byte_order_mark_wins_over_everything() -> None:
    assert decode_html(b"\xff\xfe" + "<meta charset=utf-8>é".encode("utf-16-le"), "utf-8")[0].endswith("é")


def test_plain_text_declares_nothing_in_its_text() -> None:
    data = b"<meta charset=windows-1251> \xe9t\xe9"
    assert decode_text(data)[0].endswith("été")
    assert decode_html(data)[0].endswith("йtй")


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (GREEK, "cp1253"),
        (GREEK, "iso8859_7"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859_2"),
        (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (KOREAN, "cp949"),
        (FRENCH, "cp1252"),
        ("Only one caf\u00e9 in much English text. " * 20, "cp1252"),
        (FRENCH, "utf-16-le"),
        (FRENCH, "utf-16-be"),
    ],
)
def test_an_undeclared_encoding_is_guessed_from_its_letters(text: str, codec: str) -> None:
    assert decode_text(text.encode(codec)) == (text, ())


def test_damaged_utf8_stays_utf8_and_its_replacements_are_counted() -> None:
    data = RUSSIAN.encode() + b"\xff\xfe" + RUSSIAN.encode()
    text, problems = decode_html(b"<p>" + data, "utf-8")
    assert text == "<p>" + RUSSIAN + "\ufffd\ufffd" + RUSSIAN
    assert problems == ("2 replacement characters (decoded as utf-8)",)


def test_a_cut_last_character_does_not_change_the_encoding() -> None:
    assert decode_text(CHINESE.encode()[:-1])[0] == CHINESE[:-1] + "\ufffd"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n...", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG image"),
        (b"\x1f\x8b\x08\x00abc", "gzip data"),
        (b"PK\x03\x04", "ZIP archive"),
        (bytes(range(32)) * 50, "control characters"),
    ],
)
def test_binary_input_is_named_and_gives_no_text(data: bytes, kind: str) -> None:
    assert decode_html(data) == ("", (f"binary input: {kind}",))


def test_nul_characters_are_dropped() -> None:
    assert decode_html(b"<p>a fox\0 ran") == ("<p>a fox ran", ("1 NUL characters dropped",))


def test_labels_are_those_of_the_encoding_standard() -> None:
    assert find_codec("ASCII") == find_codec("latin1") == find_codec("x-user-defined") == "cp1252"
    assert find_codec("rot13") is find_codec("utf-7") is find_codec("") is find_codec(None) is None


def test_scrub_replaces_lone_surrogates_and_leaves_other_text_alone() -> None:
    assert scrub("a\udc80b\U0001f98a") == ("a\ufffdb\U0001f98a", ("1 lone surrogates replaced",))
    assert scrub("狐狸") == ("狐狸", ())


@STEADY
@given(st.binary(max_size=300), st.sampled_from([None, "latin1", "utf-16", "iso-2022-jp", "gbk", "big5", "nonsense"]))
def test_any_bytes_give_text_that_can_be_stored(data: bytes, charset: str | None) -> None:
    for decode in (decode_html, decode_text):
        text, problems = decode(data, charset)
        text.encode("utf-8")
        assert "\0" not in text
        assert all(problems)


@STEADY
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_utf8_is_read_back(text: str) -> None:
    data = text.encode()
    assert decode_text(b"= " + data)[0] == "= " + text


@STEADY
@given(st.text(max_size=50))
def test_scrubbed_text_can_always_be_encoded(text: str) -> None:
    scrub(text + "\ud800")[0].encode("utf-8")
