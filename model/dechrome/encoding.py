"""Bytes -> text, as browsers decode: BOM, transport charset, meta, with UTF-8 first wherever it is valid.

Follows https://encoding.spec.whatwg.org and the prescan of the HTML standard, except that valid UTF-8 outside ASCII
wins over any declaration: pages are often stored again as UTF-8 with their old declaration, and text in another
encoding is hardly ever valid UTF-8 by chance.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final, NamedTuple

_PRESCAN: Final = 1024  # bytes, by the HTML standard
_LATE_PRESCAN: Final = 65536  # for pages that would be guessed otherwise
_SNIFFED: Final = 4096  # bytes looked at for binary data
_MAX_CONTROLS: Final = 0.05  # share of control bytes in text
_MAX_RUNS: Final = 1000  # words that the guess looks at
_MAX_SAMPLE: Final = 6000  # bytes of them
_MIN_LETTERS: Final = 5  # valid characters outside ASCII for each error: then it is damaged UTF-8
_MAX_ERRORS: Final = 0.02  # per byte outside ASCII: then the declaration holds, and the page is damaged

_MAGIC: Final = (
    (b"%PDF-", "PDF"),
    (b"\x89PNG", "PNG image"),
    (b"\xff\xd8\xff", "JPEG image"),
    (b"GIF8", "GIF image"),
    (b"\x1f\x8b", "gzip data"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data"),
    (b"7z\xbc\xaf\x27", "7z archive"),
    (b"Rar!", "RAR archive"),
    (b"\xd0\xcf\x11\xe0", "Microsoft Office document"),
    (b"\x7fELF", "program"),
    (b"wOFF", "font"),
    (b"wOF2", "font"),
    (b"ID3", "audio"),
    (b"OggS", "audio"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"II*\x00", "TIFF image"),
    (b"MM\x00*", "TIFF image"),
)
_WIDE: Final = frozenset(("utf-16-le", "utf-16-be"))
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))

# Labels of the Encoding Standard whose Python codec has another name or covers less than browsers decode.
_CODECS: Final = {
    label: codec
    for codec, labels in {
        "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
        "cp1252": "ascii us-ascii ansi_x3.4-1968 latin1 latin-1 l1 iso-8859-1 iso8859-1 iso88591 iso_8859-1 cp819"
        " ibm819 windows-1252 cp1252 x-cp1252 iso-ir-100 csisolatin1 iso_8859-1:1987 x-user-defined",
        "gb18030": "gb18030 gb2312 gbk chinese csgb2312 csiso58gb231280 gb_2312 gb_2312-80 iso-ir-58 x-gbk cp936",
        "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
        "cp932": "shift_jis shift-jis sjis x-sjis ms932 ms_kanji windows-31j csshiftjis cp932",
        "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
        "iso2022_jp_ext": "iso-2022-jp csiso2022jp",
        "cp949": "euc-kr ks_c_5601-1987 ks_c_5601-1989 ksc5601 ksc_5601 korean windows-949 cseuckr iso-ir-149 cp949",
        "cp866": "ibm866 cp866 866 csibm866",
        "iso8859_2": "iso-8859-2 iso8859-2 latin2 l2 iso_8859-2 iso-ir-101 csisolatin2",
        "iso8859_3": "iso-8859-3 latin3 l3",
        "iso8859_4": "iso-8859-4 latin4 l4",
        "iso8859_5": "iso-8859-5 iso8859-5 cyrillic csisolatincyrillic iso-ir-144",
        "iso8859_6": "iso-8859-6 iso8859-6 arabic asmo-708 ecma-114 iso-8859-6-e iso-8859-6-i",
        "iso8859_7": "iso-8859-7 iso8859-7 greek greek8 elot_928 ecma-118 sun_eu_greek iso_8859-7",
        "iso8859_8": "iso-8859-8 iso8859-8 hebrew visual iso-8859-8-e iso-8859-8-i logical",
        "iso8859_10": "iso-8859-10 latin6 l6",
        "iso8859_13": "iso-8859-13 iso8859-13",
        "iso8859_14": "iso-8859-14 iso8859-14",
        "iso8859_15": "iso-8859-15 iso8859-15 iso_8859-15 l9 csisolatin9",
        "iso8859_16": "iso-8859-16",
        "koi8_r": "koi8-r koi koi8 koi8_r cskoi8r",
        "koi8_u": "koi8-u koi8-ru",
        "mac_roman": "macintosh mac csmacintosh x-mac-roman",
        "mac_cyrillic": "x-mac-cyrillic x-mac-ukrainian",
        "cp874": "windows-874 dos-874 tis-620 iso-8859-11 iso8859-11 cp874",
        "cp1250": "windows-1250 cp1250 x-cp1250",
        "cp1251": "windows-1251 cp1251 x-cp1251",
        "cp1253": "windows-1253 cp1253 x-cp1253",
        "cp1254": "windows-1254 cp1254 x-cp1254 iso-8859-9 iso8859-9 latin5 l5 iso_8859-9 csisolatin5",
        "cp1255": "windows-1255 cp1255 x-cp1255",
        "cp1256": "windows-1256 cp1256 x-cp1256",
        "cp1257": "windows-1257 cp1257 x-cp1257",
        "cp1258": "windows-1258 cp1258 x-cp1258",
        "utf-16-le": "utf-16 utf-16le unicode csunicode ucs-2 iso-10646-ucs-2 unicodefeff",
        "utf-16-be": "utf-16be unicodefffe",
    }.items()
    for label in labels.split()
}

_META: Final = re.compile(
    rb"<!--.*?(?:-->|\Z)|<meta[\s/][^>]*?charset\s*=\s*[\"']?\s*([^\s\"'/>;]+)|<\?xml[^>]*?encoding=[\"']([^\"'>]+)",
    re.IGNORECASE | re.DOTALL,
)
_HIGH_RUN: Final = re.compile(rb"[\x80-\xff](?:[\x80-\xff]|[@-~])*+")
_HIGH: Final = bytes(range(128, 256))
_CONTROLS: Final = bytes(set(range(1, 32)) - set(b"\t\n\f\r\x1b")) + b"\x7f"
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


# To guess by: the characters outside ASCII that are frequent in an encoding's languages. Of two encodings that
# explain the bytes equally well, the earlier wins.
_SINGLE_BYTE: Final = tuple(
    (codec, frozenset(characters))
    for codec, characters in (
        ("cp1252", "éèàêâçôùûîïëœäöüßÄÖÜáíóúñ¿¡ãõåæøÅØÉ’‘“”–—…«»•·©®€°´²½ \xa0"),
        ("cp1250", "ěščřžýáíéůúťďňąęłńóśźżćđőűăâîșşţțôäöüĽľĺŠČŘŽŁŚŻ„”“–’…\xa0"),
        ("iso8859_2", "ěščřžýáíéůúťďňąęłńóśźżćđőűăâîșşţțôäöüĽľĺŠČŘŽŁŚŻ\xa0"),
        ("cp1251", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфіїєОАНПСВКМРИТДБГЗ«»–—“”\xa0№"),
        ("koi8_r", "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфОАНПСВКМРИТДБГЗ"),
        ("cp1253", "αοιετσνηυρπκμλςωγδθχφβξζψάέήίόύώΑΟΙΕΤΣΝΗΥΡΠΚΜΛ«»’–\xa0"),
        ("iso8859_7", "αοιετσνηυρπκμλςωγδθχφβξζψάέήίόύώΆΑΟΙΕΤΣΝΗΥΡΠΚΜΛ«»\xa0"),
        ("cp1254", "ışğüöçİŞĞÜÖÇâî’“”–\xa0"),
        ("cp1255", "יוהלאתרמבשנעדקחפכצטגזסםןךףץ–׳״\xa0"),
        ("cp1256", "اليمونرتبدسعفهكقحجةىأشصطخضزذثءإغئآظؤ،؟\xa0"),
        ("cp1257", "āčēģīķļņšūžąęėįųŠŽČ„“–\xa0"),
        ("cp874", "านรกอเงวมยลสดทตะปคพหบใขชไจแถโซฉผธศณฟัิีึืุู่้์็ำ\xa0"),
    )
)
_KANA: Final = frozenset(map(chr, range(0x3041, 0x30FF))) | frozenset("、。")
_MULTI_BYTE: Final = (
    (
        "gb18030",
        frozenset("的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自年，。"),
    ),
    (
        "big5hkscs",
        frozenset("的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自年，。"),
    ),
    ("cp932", _KANA),
    ("euc_jp", _KANA),
    ("cp949", frozenset("이다의는에을가고하한지로기사인도를은있어자시대리나서일정해아보라")),
)
_MIN_EVERYDAY: Final = 0.08  # share of such characters in a multi-byte encoding: 0.15 to 0.6, in wrong guesses near 0
_MARGIN: Final = 0.02
_MIN_EVIDENCE: Final = 3  # characters that an encoding must explain better than an earlier one


class Decoded(NamedTuple):
    """A text, what went wrong, and whether the bytes that it was read from are the text in UTF-8."""

    text: str
    problems: tuple[str, ...] = ()
    is_same: bool = False


def decode_html(data: bytes, charset: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the text of an HTML page and what went wrong; ``charset`` is what the transport declared.

    >>> decode_html("<meta charset=gb2312><p>狐狸".encode("gb2312"))
    ('<meta charset=gb2312><p>狐狸', ())
    >>> decode_html(b"%PDF-1.7")
    ('', ('binary input: PDF',))
    """
    return decode_page(data, charset)[:2]


def decode_page(data: bytes, charset: str | None = None) -> Decoded:
    """Decode an HTML page, as ``decode_html`` does."""
    return _decode(data, charset, is_html=True)


def decode_text(data: bytes, charset: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return plain text and what went wrong; like ``decode_html``, but a declaration in the text means nothing."""
    return _decode(data, charset, is_html=False)[:2]


class Scrubbed(NamedTuple):
    """A text without what parsers and files do not take, the same in UTF-8, and what was wrong with it."""

    text: str
    data: bytes
    problems: tuple[str, ...] = ()


def scrub(text: str) -> tuple[str, tuple[str, ...]]:
    r"""Replace lone surrogates and drop NUL characters, which parsers and files do not take.

    >>> scrub("A fox\ud800 ran.\0")
    ('A fox\ufffd ran.', ('1 lone surrogates replaced', '1 NUL characters dropped'))
    """
    return encode_scrubbed(text)[::2]


def encode_scrubbed(text: str) -> Scrubbed:
    """Scrub a text, and return it in UTF-8 too: to encode it is the quickest way to look at it."""
    problems: tuple[str, ...] = ()
    try:
        data = text.encode()
    except UnicodeEncodeError:
        text, count = _SURROGATES.subn("\ufffd", text)
        problems = (f"{count} lone surrogates replaced",)
        data = text.encode()
    if b"\0" in data:
        problems += (f"{data.count(0)} NUL characters dropped",)
        text, data = text.replace("\0", ""), data.replace(b"\0", b"")
    return Scrubbed(text, data, problems)


def find_codec(label: str | None) -> str | None:
    """Return the Python codec for a charset label as the Encoding Standard reads it, or None if there is none."""
    return _CODECS.get(label.strip().strip("\"'").lower()) if label else None


def _decode(data: bytes, charset: str | None, is_html: bool) -> Decoded:
    for bom, codec in _BOMS:
        if data.startswith(bom):
            return _finish(data[len(bom) :], codec)
    declared = find_codec(charset)
    if kind := _find_magic(data) or ("" if declared in _WIDE else _find_controls(data)):
        return Decoded("", (f"binary input: {kind}",))
    if declared is None and (wide := _find_wide(data)):
        return _finish(data, wide)
    if data.isascii():
        if b"\x1b" in data and (declared or (is_html and _find_meta(data, _PRESCAN))) == "iso2022_jp_ext":
            return _finish(data, "iso2022_jp_ext")
        return _finish(data, declared if declared in _WIDE and b"\0" in data else "utf-8")
    if declared in _WIDE and b"\0" in data:
        return _finish(data, declared)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:  # each looked for where it is found fastest: three bytes, or NUL in wide characters, take ten times as long
        return _clean(text, "utf-8") if b"\0" in data or "\ufffd" in text else Decoded(text, is_same=True)
    if declared is None and is_html:
        declared = _find_meta(data, _PRESCAN) or _find_meta(data, _LATE_PRESCAN)
    return _finish(data, _choose_codec(data, declared))


def _find_magic(data: bytes) -> str:
    """Return what sort of file starts like this, or "" for text."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data.startswith(b"RIFF") and data[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return "RIFF media"
    return "video or image" if data[4:8] == b"ftyp" else ""


def _find_controls(data: bytes) -> str:
    """Return "control characters" if there are more than in text; NUL does not count: text may be padded with it."""
    head = data[:_SNIFFED]
    controls = len(head) - len(head.translate(None, _CONTROLS))
    return "control characters" if controls > _MAX_CONTROLS * len(head) and not _find_wide(head) else ""


def _find_wide(data: bytes) -> str | None:
    """Return the UTF-16 codec that explains NUL in every other byte."""
    head = data[:_SNIFFED]
    if not 0.3 * len(head) < head.count(0) < 0.6 * len(head):
        return None
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > 20 * even:
        return "utf-16-le"
    return "utf-16-be" if even > 20 * odd else None


def _find_meta(data: bytes, length: int) -> str | None:
    """Return the codec that the first ``length`` bytes of a page declare."""
    for match in _META.finditer(data[:length]):
        label = match[1] or match[2]
        if label and (codec := find_codec(label.decode("ascii", "replace"))):
            return "utf-8" if codec in _WIDE else codec
    return None


def _choose_codec(data: bytes, declared: str | None) -> str:
    """Return the codec for bytes that are not valid UTF-8."""
    if declared not in (None, "utf-8") and _decodes(data, declared or ""):
        return declared or ""
    text = data.decode("utf-8", "replace")
    errors = text.count("\ufffd")
    letters = len(text) - errors - len(data.translate(None, _HIGH))
    if letters > _MIN_LETTERS * errors:
        return "utf-8"
    if declared not in (None, "utf-8"):
        errors = data.decode(declared or "", "replace").count("\ufffd")
        if errors < _MAX_ERRORS * (len(data) - len(data.translate(None, _HIGH))):
            return declared or ""
    return _guess_codec(data)


def _decodes(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _guess_codec(data: bytes) -> str:
    """Guess the encoding from a sample of the words outside ASCII, by their most frequent characters."""
    sample = b" ".join(match[0] for match in islice(_HIGH_RUN.finditer(data), _MAX_RUNS))[:_MAX_SAMPLE]
    shares = {codec: _score(sample, codec, everyday) for codec, everyday in _MULTI_BYTE}
    best = max(shares, key=lambda codec: shares[codec])
    if shares[best] >= _MIN_EVERYDAY:
        return best
    best, best_score = "cp1252", -1.0
    margin = _MARGIN + _MIN_EVIDENCE / (len(sample) - len(sample.translate(None, _HIGH)) or 1)
    for codec, frequent in _SINGLE_BYTE:
        score = _score(sample, codec, frequent)
        if score > best_score + margin or codec == "cp1252":
            best, best_score = codec, score
    return best


def _score(sample: bytes, codec: str, frequent: frozenset[str]) -> float:
    """Return the share of frequent characters among those outside ASCII, less twice the share of errors."""
    text = sample.decode(codec, "replace")
    wide = [character for character in text if character > "\x7f"]
    hits = sum(character in frequent for character in wide)
    return (hits - 2 * wide.count("\ufffd")) / max(1, len(wide))


def _finish(data: bytes, codec: str) -> Decoded:
    return _clean(data.decode(codec, "replace"), codec)


def _clean(text: str, codec: str) -> Decoded:
    problems: tuple[str, ...] = ()
    if "\ufffd" in text:
        problems = (f"{text.count(chr(0xFFFD))} replacement characters (decoded as {codec})",)
    if "\0" in text:
        problems += (f"{text.count(chr(0))} NUL characters dropped",)
        text = text.replace("\0", "")
    return Decoded(text, problems)
