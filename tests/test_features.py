"""The features of a page: shapes, ranges, odd input, and golden values.

A change of the features voids every model. Where it is meant, ``python tests/test_features.py`` writes
``golden/features.json`` again, and the shipped model is trained again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dechrome.blocks import Block, Document
from dechrome.characters import IntArray, find_words, hash_word, read_characters
from dechrome.context import BlockColumns, read_columns
from dechrome.encoding import decode_html
from dechrome.features import (
    CUE_BITS,
    FEATURE_NAMES,
    OWN_NAMES,
    WORD_BITS,
    Features,
    extract_features,
    extract_text_features,
    join_features,
)
from dechrome.html_blocks import split_html
from dechrome.text_blocks import split_text
from dechrome.tree_features import CONTAINER_LEVELS, TREE_NAMES

STEADY: Final = settings(derandomize=True, deadline=None)
PAGES: Final = Path(__file__).parent.parent / "datasets" / "pages"
PATHS: Final = sorted(PAGES.iterdir())
GOLDEN: Final = Path(__file__).parent / "golden" / "features.json"
GOLDEN_PAGES: Final = ("news-en-harbour.html", "news-zh-guidao.html", "news-ru-most.txt")
RENEW: Final = "if the features were meant to change, run python tests/test_features.py and train the model again"

ODD_TEXTS: Final = {
    "no block": " \n\t\n",
    "one character": "a",
    "one word": "cookie",
    "digits": "123 456\n7.8,9",
    "emoji": "🦊🦊\n👩‍👩‍👧‍👦 🇫🇷",
    "punctuation": "...\n|\n©",
    "Chinese": "我们使用Cookie。\n狐狸跑过了山。它躲起来了！\n接受",
    "Thai": "สุนัขจิ้งจอกวิ่งข้ามเนินเขา\nยอมรับ",
    "right to left": "השועל רץ מעל הגבעה.\n\u200fموافق\u200e\nثعلب ١٢٣",
    "combining marks": "e\u0301a\u0308 " + "z" + "\u0336" * 200 + "\n\u0301",
    "astral": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐀𐐨\n𠀀𠀁𠀂\U0010ffff",
    "long block": "word. " * 10_000,
    "long word": "x" * 60_000,
    "long word of unspaced script": "狐" * 60_000,
    "many equal lines": "Accept\n" * 500,
    "surrogate": "a\ud800b\n\udfff",
    "image names": "fox.jpg\n![fox](fox.png)\n[image: fox]\nhttps://example.org/fox.webp?x=1",
}


def read_page(path: Path) -> Document:
    if path.suffix == ".html":
        return split_html(decode_html(path.read_bytes())[0])
    return split_text(path.read_text(encoding="utf-8"))


def check_features(document: Document) -> Features:
    """Check all that holds for the features of any page."""
    features = extract_features(document)
    count = len(document.blocks)
    assert features.dense.shape == (count, len(FEATURE_NAMES))
    assert features.dense.dtype == np.float32
    assert [FEATURE_NAMES[i] for i in np.flatnonzero(~np.isfinite(features.dense).all(axis=0))] == []
    assert features.words.shape == features.word_blocks.shape
    assert features.cues.shape == features.cue_blocks.shape
    assert is_within(features.words, 1 << WORD_BITS)
    assert is_within(features.cues, 1 << CUE_BITS)
    assert is_within(features.word_blocks, count)
    assert is_within(features.cue_blocks, count)
    assert features.lengths.shape == (count,)
    assert set(features.word_blocks.tolist()) == set(np.flatnonzero(features.lengths).tolist())
    assert features.first.shape == features.last.shape == (count, CONTAINER_LEVELS)
    index = np.arange(count)[:, None]
    assert ((features.first >= 0) & (features.first <= index)).all()
    assert ((features.last < count) & (features.last >= index)).all()
    assert (np.diff(features.first, axis=1) <= 0).all(), "a container's container starts no later"
    assert (np.diff(features.last, axis=1) >= 0).all(), "a container's container ends no earlier"
    return features


def is_within(values: IntArray, limit: int) -> bool:
    return bool(((values >= 0) & (values < limit)).all())


def assert_equal(left: Features, right: Features) -> None:
    for name, one, other in zip(Features._fields, left, right, strict=True):
        for part, (some, others) in enumerate(zip(as_arrays(one), as_arrays(other), strict=True)):
            np.testing.assert_array_equal(some, others, err_msg=f"{name} {part}")


def as_arrays(field: Any) -> tuple[NDArray[Any], ...]:
    return field if isinstance(field, tuple) else (field,)


def assert_alike(joined: Features, alone: Sequence[Features]) -> None:
    """Check features of joined pages against those of each: sums over other pages may change the last digit."""
    starts = np.cumsum([0, *(len(features.dense) for features in alone)])
    np.testing.assert_allclose(joined.dense, np.concatenate([page.dense for page in alone]), rtol=1e-5, atol=1e-6)
    for name in ("words", "cues", "lengths"):
        expected = np.concatenate([getattr(page, name) for page in alone])
        assert sorted(getattr(joined, name).tolist()) == sorted(expected.tolist()), name
    for start, page in zip(starts.tolist(), alone, strict=False):
        rows = slice(start, start + len(page.dense))
        assert (joined.first[rows] == page.first + start).all()
        assert (joined.last[rows] == page.last + start).all()
        for places in ("word_blocks", "cue_blocks"):
            counts = np.bincount(getattr(joined, places), minlength=len(joined.dense))[rows]
            assert (counts == np.bincount(getattr(page, places), minlength=len(page.dense))).all(), places


def test_texts_have_the_same_features_joined_as_alone() -> None:
    texts = ["Home\nA fox ran. It hid.\nHome", "Home", "cookie\n\n" + "The fox ran. " * 9 + "\nA fox\nHome\n4 foxes"]
    documents = [split_text(text) for text in texts]
    assert_alike(extract_text_features(documents), [extract_features(document) for document in documents])


def test_pages_have_the_same_features_joined_as_alone() -> None:
    alone = [extract_features(read_page(PAGES / name)) for name in GOLDEN_PAGES]
    joined = join_features(alone)
    assert_alike(joined, alone)
    places = [joined.likes[start : start + size].tolist() for start, size in zip(*joined.extents[:2], strict=True)]
    assert not set(places[0]) & set(places[1]), "blocks of two pages never count as of one kind"


def test_feature_names_are_unique() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert FEATURE_NAMES[: len(OWN_NAMES)] == OWN_NAMES


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_features_of_sample_pages_are_sound(path: Path) -> None:
    document = read_page(path)
    features = check_features(document)
    assert (features.lengths > 0).any()
    assert features.cues.size == 0 or not document.is_text


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_features_of_odd_texts_are_sound(text: str) -> None:
    check_features(split_text(text))
    check_features(split_html("".join(f"<p class='a fox'>{line}</p>" for line in text.splitlines())))
    check_features(split_html(f"<title>{text}</title><pre id=x>{text}</pre>"))


@pytest.mark.parametrize(
    "html",
    [
        "",
        "a",
        "<p>",
        "a<br><br>b",
        "<div>" * 100 + "a",
        "<div>" * 100 + "a<p>b</p>c" + "</div>" * 90 + "d<p>e",
        "<div>" * 20_000 + "a<p>b",
        f"<p class='{'x-' * 5_000}' id='👩‍👩‍👧 \u0301'>a</p>",
        "<select>" + "<option>a" * 300,
        "<a href=x>" + "<p>b</p>" * 300,
        "<svg><text>a</text></svg><my-tag>b</my-tag><table><td>c<table><td>d",
    ],
    ids=range(11),
)
def test_features_of_odd_markup_are_sound(html: str) -> None:
    check_features(split_html(html))


@STEADY
@given(st.text(max_size=120))
def test_features_of_any_text_are_sound(text: str) -> None:
    check_features(split_text(text))


TAGS: Final = st.sampled_from("p div nav li a b h1 td span button x-y pre".split())
ELEMENTS: Final = st.tuples(TAGS, st.text(max_size=12), st.text(max_size=12), st.booleans()).map(
    lambda parts: f'<{parts[0]} class="{parts[1]}">{parts[2]}' + (f"</{parts[0]}>" if parts[3] else "")
)


@STEADY
@given(st.lists(ELEMENTS, max_size=12))
def test_features_of_any_markup_are_sound(elements: list[str]) -> None:
    check_features(split_html(decode_html("".join(elements).encode("utf-8", "replace"))[0]))


def test_the_columns_of_blocks_are_what_their_names_say() -> None:
    block = Block("a fox", element=1, linked=2, emphasised=3, links=4, images=5, breaks=6, hidden=True, start=8)
    _, columns = read_columns([block, Block("b")])
    for name, column in zip(BlockColumns._fields, columns, strict=True):
        assert column.tolist() == [getattr(block, name), getattr(Block("b"), name)]


def test_a_page_has_the_same_features_alone_and_after_others() -> None:
    paths = [PAGES / name for name in GOLDEN_PAGES]
    before = [extract_features(read_page(path)) for path in paths]
    extract_features(split_text(ODD_TEXTS["long block"]))
    after = [extract_features(read_page(path)) for path in reversed(paths)]
    for left, right in zip(before, reversed(after), strict=True):
        assert_equal(left, right)


@pytest.mark.parametrize("path", [path for path in PATHS if path.suffix == ".txt"], ids=lambda path: path.name)
def test_plain_text_has_no_tree_features(path: Path) -> None:
    features = extract_features(read_page(path))
    of_tree = [name.partition("@")[0] in TREE_NAMES for name in FEATURE_NAMES]
    assert np.count_nonzero(features.dense[:, of_tree]) == 0
    assert np.count_nonzero(features.dense[:, np.invert(of_tree)]) > 0
    np.testing.assert_array_equal(features.first, features.last)


def test_each_block_of_html_is_marked_as_html() -> None:
    features = extract_features(split_html("<p>a</p><nav>b</nav>"))
    assert features.dense[:, FEATURE_NAMES.index("is_html")].tolist() == [1, 1]


def test_containers_are_the_ranges_of_the_elements_around() -> None:
    features = extract_features(split_html("<div><ul><li>a<li>b</ul><p>c</p></div><p>d</p>"))
    ranges = np.stack((features.first, features.last), axis=2)
    assert ranges[0, :3].tolist() == [[0, 1], [0, 2], [0, 3]]
    assert ranges[2, :2].tolist() == [[0, 2], [0, 3]]
    assert ranges[3, 0].tolist() == [0, 3]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("log_words", "a fox ran\n狐狸跑\n!", np.log1p([3, 3, 0])),
        ("ends_stop", "It ran.\nIt ran\n走了。", [1, 0, 1]),
        ("starts_upper", "Fox\nfox\nΑλεπού", [1, 0, 1]),
        ("digit_share", "1234\na1b2\nfox", [1, 0.5, 0]),
        ("image_name", "fox.jpg\nA fox.jpg here\nfox.PNG?w=3", [1, 0, 1]),
        ("breaks_before", "a\n\nb\nc", [0, 2, 1]),
        ("repeats", "a\nb\nA", np.log([2, 1, 2])),
        ("place", "a\nb\nc", [0, 0.5, 1]),
        ("log_words@-1", "a\nb c\nd", np.log1p([0, 1, 2])),
        ("log_words@+1", "a\nb c\nd", np.log1p([2, 1, 0])),
    ],
)
def test_features_say_what_their_names_say(name: str, text: str, expected: list[float]) -> None:
    column = extract_features(split_text(text)).dense[:, FEATURE_NAMES.index(name)]
    np.testing.assert_allclose(column, expected, atol=1e-6)


def test_the_likeness_to_the_title_is_a_feature() -> None:
    document = split_html("<title>The fox ran over</title><p>Home</p><h1>The fox ran over</h1><p>It hid.</p>")
    dense = extract_features(document).dense
    assert dense[:, FEATURE_NAMES.index("is_title")].tolist() == [0, 1, 0]
    assert dense[:, FEATURE_NAMES.index("title_before")].tolist() == [0, 0, 1]


@pytest.mark.parametrize("word", ["fox", "лиса", "狐", "été", "5", "𠀀", "a\u0301b"])
def test_a_word_has_the_same_hash_wherever_it_stands(word: str) -> None:
    words = find_words(read_characters(["", word, f"a very {word}, b", f"«{word}»", "b" * 3_000 + f" {word}"]))
    hashes = [h for h in words.hashes.tolist() if h == hash_word(word)]
    assert len(hashes) == 4


def test_hashes_fold_case_and_digits_and_tell_words_apart() -> None:
    assert hash_word("Fox") == hash_word("fOX")
    assert hash_word("2024") == hash_word("1999")
    words = [f"{left}{right}" for left in "abcdefghijklmnopqrstuvwxyzäπш狐" for right in "abcdefghijklmnopqrstuvwxyz"]
    hashes = {h for word in words for h in find_words(read_characters([word])).hashes.tolist()}
    assert len(hashes) == len(words) + 1, "狐 is a word of its own, and so are the 26 letters after it"


@STEADY
@given(st.lists(st.sampled_from(["fox", "Hill", "лиса", "狐", "42", "é"]), min_size=1, max_size=30))
def test_hashes_do_not_depend_on_the_words_around(words: list[str]) -> None:
    found = find_words(read_characters([" ".join(words), *words]))
    expected = [hash_word(word) for word in words]
    assert found.hashes.tolist() == expected * 2
    assert found.owners.tolist() == [0] * len(words) + list(range(1, len(words) + 1))


def test_equal_blocks_have_equal_bags() -> None:
    features = extract_features(split_text("We use cookies on this site.\nA fox ran.\nWe use cookies on this site."))
    bags = [sorted(features.words[features.word_blocks == block].tolist()) for block in range(3)]
    assert bags[0] == bags[2]
    assert set(bags[0]).isdisjoint(bags[1])


def test_a_block_past_the_limit_is_measured_by_its_ends() -> None:
    whole = extract_features(Document([Block("cookie " * 4_000 + "fox")], source_text=""))
    assert 2_000 < whole.lengths[0] < 4_001
    start, end = extract_features(split_text("cookie")).words[0], extract_features(split_text("fox")).words[0]
    assert {start, end} <= set(whole.words.tolist())


def measure_golden() -> dict[str, dict[str, Any]]:
    return {name: _measure_page(extract_features(read_page(PAGES / name))) for name in GOLDEN_PAGES}


def _measure_page(features: Features) -> dict[str, Any]:
    means = np.round(features.dense.mean(axis=0, dtype=np.float64), 4).tolist()
    return {
        "blocks": len(features.dense),
        "words": _digest(features.word_blocks, features.words),
        "cues": _digest(features.cue_blocks, features.cues),
        "means": dict(zip(FEATURE_NAMES, means, strict=True)),
    }


def _digest(blocks: IntArray, buckets: IntArray) -> str:
    """Return a digest of which block holds which buckets how often; their order does not matter."""
    pairs = np.column_stack((blocks, buckets))[np.lexsort((buckets, blocks))]
    return hashlib.sha256(pairs.astype("<i8").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("name", GOLDEN_PAGES)
def test_features_are_the_golden_ones(name: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    measured = measure_golden()[name]
    assert list(measured["means"]) == list(golden["means"]), RENEW
    differing = {
        feature: (value, golden["means"][feature])
        for feature, value in measured["means"].items()
        if abs(value - golden["means"][feature]) > 1e-3
    }
    assert differing == {}, RENEW
    assert [measured[key] for key in ("blocks", "words", "cues")] == [
        golden[key] for key in ("blocks", "words", "cues")
    ], RENEW


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(measure_golden(), indent=1) + "\n", encoding="utf-8")
