"""Labelling with the shipped model: what every page, option and kind of input must keep to."""

from __future__ import annotations

import copy
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import FrozenInstanceError, replace
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final

import bs4
import lxml.html
import numpy as np
import parsel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

import dechrome
from dechrome import Kind, Label, Model, Page, Source, judging, labelling
from dechrome.artefact import LABELS, Network
from dechrome.encoding import decode_html
from dechrome.tree_blocks import split_tree

STEADY: Final = settings(derandomize=True, deadline=None, max_examples=40)
ROOT: Final = Path(__file__).parent.parent
DATASETS: Final = ROOT / "datasets"
SEED: Final = ROOT.parent / "shared" / "seed"
NAMES: Final = sorted(path.name for path in (DATASETS / "pages").iterdir())
HTML_NAMES: Final = [name for name in NAMES if name.endswith(".html")]
# libxml2 repairs what is sound HTML5 on one page: it takes center out of font.
LXML_NAMES: Final = [name for name in HTML_NAMES if name != "oldweb-en-lighthouses.html"]
TEXT_NAMES: Final = [name for name in NAMES if name.endswith(".txt")]
FAVORS: Final[Sequence[labelling.Favor]] = ("recall", "balanced", "precision")
SAME: Final = 1e-5  # how far the probabilities of one page may differ between batches: products of other shapes


@cache
def read_bytes(name: str) -> bytes:
    return (DATASETS / "pages" / name).read_bytes()


def read_text(name: str) -> str:
    return read_bytes(name).decode("utf-8")


def make_source(name: str) -> Source:
    return Source(html=read_bytes(name)) if name in HTML_NAMES else Source(text=read_bytes(name))


def label(name: str, threshold: float | None = None, favor: labelling.Favor = "balanced") -> Page:
    if name in HTML_NAMES:
        return dechrome.label_html(read_bytes(name), threshold=threshold, favor=favor)
    return dechrome.label_text(read_bytes(name), threshold=threshold, favor=favor)


@cache
def label_once(name: str) -> Page:
    return label(name)


def kept(page: Page) -> set[int]:
    return {index for index, block in enumerate(page.blocks) if block.label is Label.CONTENT}


def squeeze(text: str) -> str:
    return "".join(text.split())


def join_content(page: Page) -> str:
    return squeeze("".join(block.text for block in page.blocks if block.label is Label.CONTENT))


def assert_same(left: Page, right: Page) -> None:
    """Check that two pages are labelled alike, up to what the order of sums does to the last digits."""
    assert [(block.text, block.label, block.kind) for block in left.blocks] == [
        (block.text, block.label, block.kind) for block in right.blocks
    ]
    assert [block.path for block in left.blocks] == [block.path for block in right.blocks]
    for one, other in zip(left.blocks, right.blocks, strict=True):
        assert one.confidence == pytest.approx(other.confidence, abs=SAME)
        assert one.probabilities == pytest.approx(other.probabilities, abs=SAME)
    assert (left.text, left.title, left.problems) == (right.text, right.title, right.problems)
    assert left.quality == pytest.approx(right.quality, abs=10 * SAME)


def make_constant_model(label: Label) -> Model:
    """Return the shipped model with networks that call every block the same."""
    model = dechrome.load_model()
    heads = {name: network for name, network in model.heads.items() if name not in ("html_gate0", "text_gate0")}
    for head in ("html", "text"):
        network = heads[head]
        weights = np.zeros((network.mean.size, len(LABELS)), np.float32)
        biases = np.array([20.0 if other is label else 0.0 for other in LABELS], np.float32)
        heads[head] = Network(network.mean, network.scale, (((weights, biases),),))
    return replace(model, heads=heads)


# Texts of a few lines


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("Home\nNews\nThe bridge is open again.\nAccept all cookies", "The bridge is open again."),
        ("We sell shoes.\nAccept all cookies", "We sell shoes."),
        ("Menu\nLe marché est annulé demain.\nTout accepter", "Le marché est annulé demain."),
        ("Startseite\nKontakt\nDas Freibad öffnet am Samstag.\nAlle ablehnen", "Das Freibad öffnet am Samstag."),
        ("Главная\nВ парке посадили сорок лип.\nПринять все", "В парке посадили сорок лип."),
        ("首页\n登录\n明天上午全市停水。\n接受所有 Cookie", "明天上午全市停水。"),
        ("ホーム\n図書館は月曜日に休みます。\nすべて許可", "図書館は月曜日に休みます。"),
        ("Αρχική\nΗ συναυλία αναβάλλεται λόγω βροχής.\nΑποδοχή όλων", "Η συναυλία αναβάλλεται λόγω βροχής."),
        ("Close\nThe shop will close at six.\nClose", "The shop will close at six."),
        ("Log in\nSubscribe\n© 2019 Acme", ""),
        ("We use cookies to improve your visit.\nAccept\nReject", ""),
    ],
)
def test_a_sentence_is_kept_between_lines_of_an_interface(text: str, content: str) -> None:
    assert dechrome.clean_text(text).strip() == content


# What holds for every page


@pytest.mark.parametrize("name", NAMES)
def test_blocks_of_sample_pages_are_labelled_soundly(name: str) -> None:
    page = label_once(name)
    assert page.blocks
    assert page.problems == ()
    for block in page.blocks:
        assert set(block.probabilities) == set(Label)
        assert all(0 <= probability <= 1 for probability in block.probabilities.values())
        assert sum(block.probabilities.values()) == pytest.approx(1, abs=SAME)
        assert block.confidence == block.probabilities[block.label]
        assert (block.kind is not None) == (block.kind_confidence is not None) == (block.label is Label.CHROME)
        assert block.kind_confidence is None or 0 <= block.kind_confidence <= 1
        assert isinstance(block.kind, Kind | None)


@pytest.mark.parametrize("name", NAMES)
def test_the_quality_of_sample_pages_is_within_0_and_1(name: str) -> None:
    assert all(0 <= label(name, favor=favor).quality <= 1 for favor in FAVORS)


@pytest.mark.parametrize("name", NAMES)
def test_the_text_of_a_page_holds_its_content_and_nothing_else(name: str) -> None:
    page = label_once(name)
    assert squeeze(page.text) == join_content(page)
    clean = dechrome.clean_html if name in HTML_NAMES else dechrome.clean_text
    assert clean(read_bytes(name)) == page.text


@pytest.mark.parametrize("name", TEXT_NAMES)
def test_offsets_of_plain_text_point_at_the_blocks(name: str) -> None:
    text = read_text(name)
    page = dechrome.label_text(text)
    assert page.source_text == text
    assert [text[block.start : block.end] for block in page.blocks] == [block.text for block in page.blocks]
    assert [block.text for block in page.blocks] == [line.strip() for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("name", LXML_NAMES)
def test_the_path_of_a_block_leads_to_its_element(name: str) -> None:
    html = serialise(name)
    tree = lxml.html.document_fromstring(html).getroottree()
    for block in dechrome.label_html(html).blocks:
        (element,) = tree.xpath(block.path)
        assert squeeze(block.text) in squeeze("".join(element.itertext()))


@pytest.mark.parametrize("name", ["news-en-harbour.html", "news-ru-most.txt"])
def test_pages_turn_into_json_and_markup(name: str) -> None:
    page = label_once(name)
    record = json.loads(json.dumps(page.to_dict()))
    assert [block["label"] for block in record["blocks"]] == [block.label.value for block in page.blocks]
    assert page.to_markdown()
    assert page.to_html()


def test_title_and_address_are_kept() -> None:
    page = dechrome.label_html("<title>A fox</title><p>It ran.</p>", "https://news.example/fox")
    assert (page.title, page.url) == ("A fox", "https://news.example/fox")
    (page,) = dechrome.label_pages([Source(text="It ran.", url="https://news.example/fox")])
    assert page.url == "https://news.example/fox"


# Blocks that are made when somebody looks at them


@pytest.mark.parametrize("name", [HTML_NAMES[0], TEXT_NAMES[0]])
def test_a_page_gives_the_same_before_and_after_somebody_looked_at_its_blocks(name: str) -> None:
    page, looked = label(name), label(name)
    assert looked.blocks
    for render in (Page.to_text, Page.to_markdown, Page.to_html):
        assert render(page, images=True) == render(looked, images=True)
    assert page == looked


def test_a_page_is_copied_pickled_and_replaced_with_its_blocks() -> None:
    name = HTML_NAMES[0]
    blocks = label(name).blocks
    assert isinstance(blocks, tuple)
    assert pickle.loads(pickle.dumps(label(name))) == label(name)
    assert copy.copy(label(name)).blocks == blocks
    assert replace(label(name), title="x").blocks == blocks
    assert replace(label(name), blocks=()).text == ""


def test_a_page_has_no_other_attribute_and_none_can_be_set() -> None:
    page = dechrome.label_html("<p>A fox ran.")
    assert not hasattr(page, "block")
    with pytest.raises(FrozenInstanceError):
        page.blocks = ()  # type: ignore[misc]
    assert Page((), "x") == Page(title="x") != page


@pytest.mark.parametrize("kept", [0, 4_096])
def test_kinds_are_the_same_at_once_and_later(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MAX_KEPT", kept)
    name = HTML_NAMES[0]
    for block, expected in zip(label(name).blocks, label_once(name).blocks, strict=True):
        assert block.kind is expected.kind
        assert block.kind_confidence == pytest.approx(expected.kind_confidence, abs=SAME)


# Many pages


def test_many_pages_are_labelled_in_order_as_one_by_one() -> None:
    long = "\n".join(f"{number}. A fox ran over the hill, and the dog slept on." for number in range(5_000))
    names = HTML_NAMES[:3] + TEXT_NAMES[:3] + NAMES * 2
    sources = [Source(text=long), *map(make_source, names), Source(html=""), Source(text=b"")]
    assert len(names) > 64, "more than one batch"
    pages = list(dechrome.label_pages(sources))
    assert len(pages) == len(sources)
    assert_same(pages[0], dechrome.label_text(long))
    for name, page in zip(names, pages[1:-2], strict=True):
        assert_same(page, label_once(name))
    assert [page.blocks for page in pages[-2:]] == [(), ()]


def test_bare_bytes_and_strings_are_html() -> None:
    name = "news-en-harbour.html"
    for page in dechrome.label_pages([read_bytes(name), read_text(name)]):
        assert_same(page, label_once(name))


def test_pages_are_read_only_as_far_as_needed() -> None:
    consumed: list[str] = []

    def endless() -> Iterator[Source]:
        for name in cycle(NAMES):
            consumed.append(name)
            yield make_source(name)

    pages = list(islice(dechrome.label_pages(endless()), 3))
    for name, page in zip(NAMES, pages, strict=False):
        assert_same(page, label_once(name))
    assert len(consumed) <= 64


def test_no_pages_give_no_pages() -> None:
    assert list(dechrome.label_pages([])) == []


@pytest.mark.parametrize("name", ["blog-fr-potager.html", "news-ru-most.txt"])
def test_an_endless_page_is_labelled_in_parts_without_a_gap(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MAX_WINDOW", 7)
    page = label(name)
    assert [block.text for block in page.blocks] == [block.text for block in label_once(name).blocks]


# Options


@STEADY
@given(
    st.sampled_from(["news-en-harbour.html", "qa-en-bicycles.html", "news-zh-guidao.html", "news-ru-most.txt"]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_higher_threshold_keeps_no_block_that_a_lower_one_drops(name: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert kept(label(name, threshold=high)) <= kept(label(name, threshold=low))


def test_a_threshold_is_a_probability_of_content() -> None:
    for name in NAMES:
        page = label(name, threshold=0.5)
        for block in page.blocks:
            if block.label is not Label.IMAGE:
                assert (block.label is Label.CONTENT) == (block.probabilities[Label.CONTENT] >= 0.5)


def test_a_threshold_of_zero_keeps_all_but_images() -> None:
    for name in NAMES:
        assert {block.label for block in label(name, threshold=0).blocks} <= {Label.CONTENT, Label.IMAGE}


@pytest.mark.parametrize("name", NAMES)
def test_favoring_precision_keeps_part_of_what_favoring_recall_keeps(name: str) -> None:
    recall, balanced, precision = (kept(label(name, favor=favor)) for favor in FAVORS)
    assert precision <= balanced <= recall


@pytest.mark.parametrize("name", NAMES)
def test_options_change_no_probability(name: str) -> None:
    expected = [block.probabilities for block in label_once(name).blocks]
    for page in (label(name, favor="precision"), label(name, threshold=0.9)):
        assert [block.probabilities for block in page.blocks] == expected


CALLS: Final[Sequence[Callable[..., Any]]] = (
    lambda **options: dechrome.label_html("<p>a", **options),
    lambda **options: dechrome.label_html("", **options),
    lambda **options: dechrome.label_text("a", **options),
    lambda **options: dechrome.clean_html("<p>a", **options),
    lambda **options: dechrome.clean_text("a", **options),
    lambda **options: dechrome.label_tree(make_soup("<p>a"), **options),
    lambda **options: dechrome.strip_tree(lxml.html.fromstring("<p>a</p>"), **options),
    lambda **options: list(dechrome.label_pages(["a"], **options)),
)


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
@pytest.mark.parametrize("threshold", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_threshold_out_of_range_is_refused(call: Callable[..., Any], threshold: float) -> None:
    with pytest.raises(dechrome.InputError, match="threshold must be between 0 and 1"):
        call(threshold=threshold)


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
@pytest.mark.parametrize("favor", ["f1", "", "Precision", None, 1])
def test_an_unknown_favor_is_refused(call: Callable[..., Any], favor: Any) -> None:
    with pytest.raises(dechrome.InputError, match="favor must be one of precision, balanced, recall"):
        call(favor=favor)


@pytest.mark.parametrize("source", [3, None, ["<p>a"], Path("a.html"), bytearray(b"a")])
def test_a_source_of_another_type_is_refused(source: Any) -> None:
    with pytest.raises(dechrome.InputError):
        list(dechrome.label_pages([source]))
    with pytest.raises(dechrome.InputError):
        dechrome.label_html(source)
    with pytest.raises(dechrome.InputError):
        dechrome.label_text(source)
    with pytest.raises(dechrome.InputError):
        dechrome.label_tree(source)


@pytest.mark.parametrize("source", [Source(), Source(html="a", text="a"), Source(html=b"", text="")])
def test_a_source_without_exactly_one_input_is_refused(source: Source) -> None:
    with pytest.raises(dechrome.InputError, match="exactly one of html and text"):
        list(dechrome.label_pages([source]))


# Trees


@cache
def serialise(name: str) -> str:
    """Return a sample page as lexbor would write it, so that other parsers meet no error to repair."""
    text, _ = decode_html(read_bytes(name))
    root = LexborHTMLParser(text).root
    assert root is not None
    return root.html or ""


def make_soup(html: str) -> bs4.BeautifulSoup:
    return bs4.BeautifulSoup(html, "html.parser")


LXML_TREES: Final[Sequence[Callable[[str], Any]]] = (
    lxml.html.document_fromstring,
    lambda html: lxml.html.document_fromstring(html).getroottree(),
    lambda html: parsel.Selector(text=html),
)


@pytest.mark.parametrize("name", HTML_NAMES)
def test_a_bs4_tree_is_labelled_like_its_html(name: str) -> None:
    html = serialise(name)
    assert_same(dechrome.label_tree(make_soup(html)), dechrome.label_html(html))


@pytest.mark.parametrize("make_tree", LXML_TREES, ids=["element", "tree", "parsel"])
@pytest.mark.parametrize("name", LXML_NAMES)
def test_an_lxml_tree_is_labelled_like_its_html(name: str, make_tree: Callable[[str], Any]) -> None:
    html = serialise(name)
    assert_same(dechrome.label_tree(make_tree(html)), dechrome.label_html(html))


@pytest.mark.parametrize("make_tree", [make_soup, *LXML_TREES[:2]], ids=["bs4", "element", "tree"])
@pytest.mark.parametrize("name", HTML_NAMES)
def test_stripping_a_tree_removes_all_text_that_is_not_content(name: str, make_tree: Callable[[str], Any]) -> None:
    tree = make_tree(serialise(name))
    page = dechrome.label_tree(tree)
    assert dechrome.strip_tree(tree) is tree
    document, _ = split_tree(tree)
    assert squeeze("".join(block.text for block in document.blocks)) == join_content(page)


@pytest.mark.parametrize("make_tree", [make_soup, LXML_TREES[0]], ids=["bs4", "lxml"])
def test_stripping_follows_the_options(make_tree: Callable[[str], Any]) -> None:
    html = serialise("news-en-harbour.html")
    whole = dechrome.strip_tree(make_tree(html), make_constant_model(Label.CONTENT))
    assert squeeze("".join(block.text for block in split_tree(whole)[0].blocks)) == squeeze(
        "".join(block.text for block in dechrome.label_html(html).blocks)
    )
    nothing = dechrome.strip_tree(make_tree(html), make_constant_model(Label.CHROME))
    assert split_tree(nothing)[0].blocks == []


# Bad pages


BAD: Final[Sequence[str | bytes]] = (
    "",
    b"",
    " \n\t ",
    "\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"%PDF-1.7\n1 0 obj",
    b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    bytes(range(256)) * 20,
    b"\x80" * 3_000,
    "\ud800",
    "<p>a \ud800\udfff b</p>\udc00",
    "<title>\ud800</title><p class='\udfff'>a fox</p><a href='\ud801'>b</a>",
    "<p>a\0b",
    "<" * 5_000,
    "&" * 5_000,
    "<div>" * 5_000 + "a",
    "<div>" * 100 + "a<p>b</p>c" + "</div>" * 80 + "d",
    "<!--",
    "<script>" + "x" * 1_000,
    "</p></p></div>",
    "\u200b\u200e\ufeff",
    "\u0301",
    "a" * 100_000,
    "\U0010ffff",
)


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_a_bad_page_raises_nothing_and_says_what_is_wrong(data: str | bytes) -> None:
    for page in (dechrome.label_html(data), dechrome.label_text(data)):
        assert page.blocks or page.problems
        assert all(sum(block.probabilities.values()) == pytest.approx(1, abs=SAME) for block in page.blocks)
        assert 0 <= page.quality <= 1
        json.dumps(page.to_dict()).encode()
        (page.text + page.to_markdown() + page.to_html() + page.title).encode("utf-8")


@pytest.mark.parametrize(
    ("data", "problem"),
    [("", "empty"), (b"%PDF-1.7", "binary input: PDF"), ("<p>a\ud800", "surrogate"), ("a\0", "NUL"), (" ", "empty")],
)
def test_a_page_names_its_problem(data: str | bytes, problem: str) -> None:
    for page in (dechrome.label_html(data), dechrome.label_text(data)):
        assert problem in " ".join(page.problems)


def test_an_empty_page_has_no_text_and_no_quality() -> None:
    for page in (dechrome.label_html(""), dechrome.label_text("")):
        assert (page.blocks, page.text, page.quality) == ((), "", 0.0)


@STEADY
@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_input_raises_anything(data: str | bytes) -> None:
    for page in (dechrome.label_html(data), dechrome.label_text(data)):
        page.to_dict()


def test_a_page_in_windows_1251_is_decoded() -> None:
    data = read_bytes("forum-ru-radio.html")
    with pytest.raises(UnicodeDecodeError):
        data.decode("utf-8")
    expected = [squeeze(block["text"]) for block in read_rows()["forum-ru-radio.html"]["blocks"]]
    assert [squeeze(block.text) for block in dechrome.label_html(data).blocks] == expected
    undeclared = data.replace(b"windows-1251", b"x-unknown")
    assert undeclared != data
    (page,) = dechrome.label_pages([Source(html=undeclared, charset="windows-1251")])
    assert [squeeze(block.text) for block in page.blocks] == expected
    text = "Мы используем файлы cookie.\nЛиса перебежала через холм, а собака спала дальше."
    assert [block.text for block in dechrome.label_text(text.encode("cp1251")).blocks] == text.split("\n")


# The model


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the model folder under another name, and with a mark in its settings."""
    folder = tmp_path / "my pages v3"
    shutil.copytree(os.environ.get("DECHROME_MODEL") or labelling.SHIPPED_MODEL, folder)
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "mark": 3}), encoding="utf-8")
    return folder


def test_the_model_is_read_once() -> None:
    assert dechrome.load_model() is dechrome.load_model()


def test_the_environment_names_the_model(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = label_once("news-en-harbour.html")
    assert "mark" not in dechrome.load_model().settings
    monkeypatch.setenv("DECHROME_MODEL", str(copied))
    assert dechrome.load_model().settings["mark"] == 3
    assert_same(label("news-en-harbour.html"), expected)
    monkeypatch.setenv("DECHROME_MODEL", str(copied.parent / "nowhere"))
    with pytest.raises(dechrome.ModelError, match="nowhere"):
        dechrome.label_html("<p>a")
    with pytest.raises(dechrome.ModelError, match="nowhere"):
        dechrome.clean_text("a")


def test_a_model_that_is_given_is_used(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = label_once("news-en-harbour.html")
    model = dechrome.load_model(copied)
    content, chrome = make_constant_model(Label.CONTENT), make_constant_model(Label.CHROME)
    monkeypatch.setenv("DECHROME_MODEL", str(copied.parent / "nowhere"))
    assert model.settings["mark"] == 3
    html, text = read_bytes("news-en-harbour.html"), "A fox ran.\nAccept all"
    assert_same(dechrome.label_html(html, model=model), expected)
    assert dechrome.clean_text(text, content) == text
    assert dechrome.clean_text(text, chrome) == dechrome.clean_html(html, model=chrome) == ""
    assert {page.text for page in dechrome.label_pages([html, html], chrome)} == {""}
    assert {block.label for block in dechrome.label_tree(lxml.html.fromstring("<p>a</p>"), model=chrome).blocks} == {
        Label.CHROME
    }


def test_labelling_imports_nothing_that_is_slow_to_import() -> None:
    code = (
        "import sys, dechrome; dechrome.label_html('<p>A fox ran.</p>'); dechrome.clean_text('A fox ran.');"
        "print(*{'sklearn', 'scipy', 'joblib', 'pandas', 'pyarrow', 'bs4', 'lxml', 'click'} & sys.modules.keys())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


# Quality


@pytest.mark.skipif(not (SEED / "page.txt").exists(), reason="needs ../shared/seed, which is no part of the repository")
def test_the_seed_page_is_labelled_as_expected() -> None:
    text = (SEED / "page.txt").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (SEED / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
    page = dechrome.label_text(text)
    assert [(block.text, block.label.value) for block in page.blocks] == [(row["text"], row["label"]) for row in rows]
    kinds = [block.kind for block, row in zip(page.blocks, rows, strict=True) if row["kind"] == "cookie_notice"]
    assert kinds == [Kind.COOKIE_NOTICE] * 3


@pytest.mark.skipif(not (SEED / "page.txt").exists(), reason="needs ../shared/seed, which is no part of the repository")
def test_the_seed_page_is_cleaned_with_its_separators() -> None:
    text = (SEED / "page.txt").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (SEED / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
    expected = ""
    position = 0
    for row in rows:
        start = text.index(row["text"], position)
        if row["label"] == "content":
            before = text[:start]
            expected += (before[len(before.rstrip()) :] if expected else "") + row["text"]
        position = start + len(row["text"])
    assert dechrome.clean_text(text) == expected


ARTICLE: Final = "The ferry leaves the old harbour at noon, and most of those on board have seen the islands before."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Home\nNews\n" + ARTICLE,
        f"{ARTICLE}\r\n\r\n  {ARTICLE} Again.\nAccept all cookies\n\n \tShare on Facebook\x0b\u2028\n\n\t{ARTICLE}\n",
        f"{ARTICLE}\nAccept all\nfox.jpg\n{ARTICLE} \ud800\0\n",
        f"{ARTICLE}\n\nAccept all\n" * 40_000,  # lines are taken together
    ],
)
def test_text_and_counts_are_the_same_before_and_after_blocks_are_made(text: str) -> None:
    page = dechrome.label_text(text)
    before = (page.text, page.to_text(images=True), page.count_classes())
    assert page.blocks or not text
    assert (page.text, page.to_text(images=True), page.count_classes()) == before


@cache
def read_rows() -> dict[str, dict[str, Any]]:
    rows = map(json.loads, (DATASETS / "labels.jsonl").read_text(encoding="utf-8").splitlines())
    return {Path(row["path"]).name: row for row in rows}


def test_the_sample_pages_are_cut_as_their_labels_say() -> None:
    assert sorted(read_rows()) == NAMES
    for name, row in read_rows().items():
        assert [block.text for block in label_once(name).blocks] == [block["text"] for block in row["blocks"]]
