"""The parts of training by themselves: alignment, scores, annotated pages, views, weak kinds, samples, recipe."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dechrome.blocks import Kind, Label
from dechrome.errors import DataError
from dechrome.html_blocks import split_html
from dechrome.text_blocks import split_text
from dechrome_training import scores
from dechrome_training.align import content_shares, find_lost, realign, words_of
from dechrome_training.corpus import (
    AnnotatedPage,
    GoldBlock,
    Phrase,
    assign_folds,
    read_parquet,
    read_phrases,
    select_sets,
)
from dechrome_training.label_files import read_labels
from dechrome_training.recipe import read_recipe
from dechrome_training.samples import UNKNOWN, VIEWS, dressed_samples, page_samples, phrase_samples
from dechrome_training.views import (
    Line,
    PhraseBook,
    dress,
    join_lines,
    seeded,
    visible_lines,
    with_leftovers,
    wrapped,
)
from dechrome_training.weak_kinds import PHRASE_KINDS, weak_kinds

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "datasets" / "labels.jsonl"
RECIPE = ROOT / "training" / "recipe.toml"
FOX = "The quick brown fox ran over the hill at noon."
DOG = "A lazy dog slept under the old apple tree until dusk."


# Alignment


@pytest.mark.parametrize(
    ("texts", "gold", "expected"),
    [
        ([], FOX, []),
        ([FOX], "", [0.0]),
        (["", "***"], FOX, [0.0, 0.0]),
        (["Home", FOX, DOG, "Contact"], f"{FOX}\n\n{DOG}", [0.0, 1.0, 1.0, 0.0]),
        ([FOX.upper()], FOX, [1.0]),
        ([FOX, "***", DOG, "***", "Home"], f"{FOX} {DOG}", [1.0, 1.0, 1.0, 0.0, 0.0]),  # wordless: as its neighbours
        ([FOX, DOG], f"{DOG}\n{FOX}", [1.0, 1.0]),  # another order than the page's
        ([FOX, DOG, FOX], f"{FOX}\n{DOG}", [1.0, 1.0, 0.0]),  # a teaser that repeats the text is no content
        (["首页", "狐狸跑过了山坡,狗在树下睡觉。", "联系我们"], "狐狸跑过了山坡,狗在树下睡觉。", [0.0, 1.0, 0.0]),
        ([f"{FOX} Read more"], FOX, [10 / 12]),
    ],
)
def test_content_shares(texts: list[str], gold: str, expected: list[float]) -> None:
    assert content_shares(texts, gold) == pytest.approx(expected)


def test_words_that_lie_scattered_in_the_gold_are_no_content() -> None:
    gold = " ".join(f"the {FOX} of {DOG}" for _ in range(3))
    assert content_shares(["Best of the web until noon", gold], gold)[0] < 0.5


@given(st.lists(st.text(max_size=40), max_size=8))
def test_every_block_with_words_is_content_where_the_gold_is_the_whole_page(texts: list[str]) -> None:
    shares = content_shares(texts, "\n".join(texts))
    assert all(share == 1.0 for text, share in zip(texts, shares, strict=True) if words_of(text))


@given(st.lists(st.text("ab .中", max_size=12), max_size=8), st.text("ab .中", max_size=60))
def test_shares_are_between_0_and_1(texts: list[str], gold: str) -> None:
    shares = content_shares(texts, gold)
    assert len(shares) == len(texts)
    assert all(0 <= share <= 1 for share in shares)


C, N, L = Label.CONTENT, Kind.NAVIGATION, Kind.LEGAL


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            [f"Home About {FOX}", DOG, "© Fox"],
            [(C, None), (C, None), (Label.CHROME, L)],
        ),  # joined: the longer part wins
        (["Home", "About", FOX[:20], FOX[20:], DOG, "© Fox"], [N, N, C, C, C, L]),  # cut
        ([f"  Home\tAbout {FOX}", DOG, "© Fox"], [C, C, L]),  # other white space
        (["Home About", "New", FOX, DOG, "© Fox"], [N, None, C, C, L]),  # text that was not there
        ([FOX, "© Fox"], [C, L]),  # text that is gone
        ([DOG, "Home About", FOX, "© Fox"], [C, N, C, L]),  # another order
        (["Home About", FOX.replace("quick", "slow"), DOG, "© Fox"], [N, C, C, L]),  # edited
        (["Something else", "***"], [None, None]),
        (
            ["Home About", "Six brown bears sat below a tall fir and ate all the ripe plums.", DOG, "© Fox"],
            [N, None, C, L],
        ),
        ([], []),
    ],
)
def test_labels_survive_another_segmentation(texts: list[str], expected: list[Any]) -> None:
    gold = [GoldBlock("Home About", Label.CHROME, N), GoldBlock(FOX, C), GoldBlock(DOG, C),
            GoldBlock("© Fox", Label.CHROME, L)]  # fmt: skip
    wanted = [
        pair
        if isinstance(pair, tuple)
        else (Label.CHROME if isinstance(pair, Kind) else pair, pair if pair in (N, L) else None)
        for pair in expected
    ]
    assert [(found.label, found.kind) for found in realign(texts, gold)] == wanted


def test_labels_of_unspaced_scripts_survive_edits() -> None:
    gold = [GoldBlock("首页", Label.CHROME, N), GoldBlock("狐狸跑过了山坡，狗在树下睡觉。", C)]
    found = realign(["首页", "新的", "狐狸跑过了山坡，", "猫在树下睡觉。"], gold)
    assert [block.label for block in found] == [Label.CHROME, None, C, C]


def test_labels_that_found_no_text_are_named() -> None:
    gold = [GoldBlock("Home", Label.CHROME), GoldBlock(FOX, C), GoldBlock(DOG, None)]
    assert find_lost([FOX[:30], FOX[30:]], gold) == [gold[0]]


lines = st.lists(st.text("ab c中\n", min_size=1, max_size=12).filter(str.strip), max_size=8)


@given(lines, st.randoms(use_true_random=False), st.lists(st.integers(0, 60), max_size=6))
def test_every_character_keeps_its_label_however_the_same_text_is_cut(
    texts: list[str], chance: random.Random, cuts: list[int]
) -> None:
    gold = [GoldBlock(text, chance.choice([*Label, None])) for text in texts]
    labels = [block.label for block in gold for c in block.text if not c.isspace()]
    joined = "".join("".join(text.split()) for text in texts)
    edges = sorted({0, len(joined), *(cut for cut in cuts if cut < len(joined))})
    pieces = list(pairwise(edges))
    found = realign([joined[start:end] for start, end in pieces], gold)
    for (start, end), block in zip(pieces, found, strict=True):
        assert labels[start:end].count(block.label) == max(map(labels[start:end].count, labels[start:end]))
        assert math.isnan(block.share) == (block.label is None)
    assert [b.label for b in realign(texts, gold)] == [b.label for b in gold]


# Scores


@pytest.mark.parametrize(
    ("found", "gold", "expected"),
    [
        ("", "", (1, 1, 1)),
        ("", "a", (0, 0, 0)),
        ("a", "", (0, 0, 0)),
        ("A, b b c!", "a b d", (2 / 4, 2 / 3, 4 / 7)),
        ("b a", "a b", (1, 1, 1)),
    ],
)
def test_word_scores(found: str, gold: str, expected: tuple[float, float, float]) -> None:
    assert scores.word_scores(found, gold) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("found", "gold", "expected"),
    [
        ("", "", (1, 1, 1)),
        ("a b", "a b", (1, 1, 1)),
        ("a b c d e", "a b c d f", (1 / 2, 1 / 2, 1 / 2)),
        ("a b c d", "a b c d e f", (1, 1 / 3, 1 / 2)),
        ("b a", "a b", (0, 0, 0)),
    ],
)
def test_shingle_scores(found: str, gold: str, expected: tuple[float, float, float]) -> None:
    assert scores.shingle_scores(found, gold) == pytest.approx(expected)


def test_snippet_rates() -> None:
    assert scores.snippet_rates(FOX, ["quick, brown FOX", "dog"], ["hill", "noon.", "dusk", "!"]) == (1 / 2, 2 / 3)
    assert all(math.isnan(rate) for rate in scores.snippet_rates(FOX, [], ["..."]))


def test_calibration_error() -> None:
    confidence = np.array([0.95, 0.95, 0.5, 0.5])
    correct = np.array([True, False, True, False])
    assert scores.calibration_error(confidence, correct) == pytest.approx((0.9 + 0.0) / 4)
    assert math.isnan(scores.calibration_error(confidence[:0], correct[:0]))


def test_rank_correlation() -> None:
    assert scores.rank_correlation([1, 2, 3], [10, 20, 30]) == pytest.approx(1)
    assert scores.rank_correlation([1, 2, 3], [9, 4, 1]) == pytest.approx(-1)
    assert math.isnan(scores.rank_correlation([1, 2], [1, 2]))


# Annotated pages


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    for read in (read_parquet, read_phrases):
        with pytest.raises(DataError, match=r"nowhere"):
            list(read(tmp_path / "nowhere"))


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def make_page(**changes: Any) -> dict[str, Any]:
    return {
        "id": "set/1", "source": "set", "html": "<p>é".encode("latin-1"), "encoding": "latin-1", "url": None,
        "domain": "fox.example", "language": "fr", "page_type": None, "text": "é", "must_have": ["é"], "must_not": None,
    } | changes  # fmt: skip


def test_parquet_sets_become_pages(tmp_path: Path) -> None:
    write_parquet(tmp_path / "set.parquet", [make_page(), make_page(id="set/2", domain=None)])
    first, second = select_sets(tmp_path, ["set"])
    assert (first.html, first.gold, first.must_have, first.must_not) == ("<p>é", "é", ("é",), ())
    assert (first.group, second.group) == ("fox.example", "set/2")


def test_a_malformed_parquet_set_is_refused_by_field(tmp_path: Path) -> None:
    path = tmp_path / "set.parquet"
    with pytest.raises(DataError, match=r"set/1.*'encoding'.*klingon"):
        list(read_parquet(write_parquet(path, [make_page(encoding="klingon")])))
    row = make_page()
    del row["must_not"]
    with pytest.raises(DataError, match=r"set\.parquet: field 'must_not' is missing"):
        list(read_parquet(write_parquet(path, [row])))
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"set\.parquet"):
        list(read_parquet(path))


def test_phrases_are_read(tmp_path: Path) -> None:
    row = {"text": "OK", "label": "chrome", "kind": "cookie_button", "language": "en", "source": "s", "licence": "MIT"}
    (phrase,) = read_phrases(write_parquet(tmp_path / "phrases.parquet", [row]))
    assert phrase == Phrase("OK", Label.CHROME, "cookie_button", "en", "s", "MIT")
    with pytest.raises(DataError, match=r"'OK': field 'label'"):
        list(read_phrases(write_parquet(tmp_path / "phrases.parquet", [row | {"label": "advert"}])))


@given(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(1, 9)), max_size=40), st.integers(2, 5))
def test_folds_keep_groups_together_and_even(items: list[tuple[str, int]], folds: int) -> None:
    groups, weights = [group for group, _ in items], [weight for _, weight in items]
    assigned = assign_folds(groups, weights, folds)
    assert assigned == assign_folds(groups, weights, folds)
    assert len(set(zip(groups, assigned, strict=True))) == len(set(groups))
    loads = [sum(w for w, number in zip(weights, assigned, strict=True) if number == fold) for fold in range(folds)]
    heaviest = max((sum(w for g, w in items if g == group) for group in set(groups)), default=0)
    assert max(loads) - min(loads) <= heaviest


def test_folds_do_not_depend_on_the_order_of_the_items() -> None:
    groups = ["b", "a", "c", "a", "d"]
    forward = dict(zip(groups, assign_folds(groups, [1.0] * 5, 2), strict=True))
    backward = dict(zip(groups[::-1], assign_folds(groups[::-1], [1.0] * 5, 2), strict=True))
    assert forward == backward


# Views


def make_phrases() -> list[Phrase]:
    kinds = [(Label.CHROME, kind) for kind in PHRASE_KINDS] + [(Label.IMAGE, "image_filename")]
    chrome = [Phrase(f"{kind} {n}", label, kind, "en", f"p{n}", "MIT") for label, kind in kinds for n in range(3)]
    return chrome + [Phrase(f"{n} {FOX} {DOG}", Label.CONTENT, "heading", "en", "p", "MIT") for n in range(20)]


LINES = [
    Line("Home", 0.0, Kind.NAVIGATION),
    *[Line(f"Menu {number}", 0.0, Kind.NAVIGATION) for number in range(15)],
    Line(f"{FOX}\n{DOG}", 1.0),
    Line("fox.jpg", 0.0, None, True),
    Line("Share", 0.0, Kind.SHARE),
    Line(DOG, 1.0),
    *[Line(f"Imprint {number}", 0.0, Kind.LEGAL) for number in range(25)],
]


def test_visible_lines_cut_at_line_breaks_and_keep_labels() -> None:
    lines = visible_lines(LINES)
    assert [line.text for line in lines] == "\n".join(line.text for line in LINES).split("\n")
    assert [line.share for line in lines if line.text in (FOX, DOG)] == [1.0] * 3
    assert [line.text for line in lines if line.is_image] == ["fox.jpg"]


@pytest.mark.parametrize("seed", range(12))
def test_leftovers_keep_all_content_in_order_and_only_lines_of_the_page(seed: int) -> None:
    everything = visible_lines(LINES)
    kept = with_leftovers(LINES, seeded(seed))
    assert [line for line in kept if line.share] == [line for line in everything if line.share]
    places = [everything.index(line) for line in kept]
    assert len(kept) <= len(everything)
    assert min(places) >= everything.index(kept[0])
    assert kept == with_leftovers(LINES, seeded(seed))


@given(st.lists(st.text("abc ", min_size=1, max_size=80), max_size=6), st.integers(5, 40))
def test_wrapped_lines_hold_the_same_words(texts: list[str], width: int) -> None:
    lines = wrapped([Line(" ".join(text.split()), 1.0, None) for text in texts], width)
    assert " ".join(line.text for line in lines).split() == " ".join(texts).split()
    assert all(len(line.text) <= width or " " not in line.text for line in lines)
    assert all(line.share == 1.0 for line in lines)


@pytest.mark.parametrize("seed", range(12))
def test_joined_lines_are_cut_into_the_same_lines(seed: int) -> None:
    lines = visible_lines(LINES)
    text = join_lines(lines, seeded(seed))
    assert [block.text for block in split_text(text).blocks] == [line.text for line in lines]


@pytest.mark.parametrize("seed", range(12))
def test_dressed_pages_are_the_same_every_time_and_labelled_throughout(seed: int) -> None:
    content = [Line(FOX, 1.0), Line(DOG, 1.0)]
    book = PhraseBook(make_phrases())
    lines = dress(content, book, seeded(seed), "en")
    assert lines == dress(content, PhraseBook(make_phrases()), seeded(seed), "en")
    kept = [line for line in lines if line.share > 0]
    assert all(line.text.startswith(whole.text) for line, whole in zip(kept, content, strict=True))  # tails are glued
    assert all(line.share > 0.5 and line.kind is None for line in kept)
    assert all(line.is_image or line.kind is not None for line in lines if line.share == 0.0)


def test_some_dressed_pages_have_a_dialog_right_behind_the_content() -> None:
    consent = "This site stores cookies on your device so that it can count its visitors."
    book = PhraseBook([*make_phrases(), Phrase(consent, Label.CHROME, "cookie_notice", "en", "p", "MIT")])
    ends = []
    for seed in range(300):
        lines = dress([Line(FOX, 1.0), Line(DOG, 1.0)], book, seeded(seed), "en")
        last = max(number for number, line in enumerate(lines) if line.share > 0)
        ends.append((lines[last].text, [line.kind for line in lines[last + 1 :]]))
    bare = [text for text, kinds in ends if kinds and set(kinds) == {Kind.COOKIE_NOTICE}]
    assert 0.08 * len(ends) < len(bare) < 0.3 * len(ends)
    assert 0.1 * len(bare) < len([text for text in bare if text != DOG]) < 0.6 * len(bare)  # a link is glued to them


def test_a_book_without_phrases_dresses_nothing() -> None:
    content = [Line(FOX, 1.0)]
    assert all(dress(content, PhraseBook([]), seeded(seed), "en") == content for seed in range(20))


# Weak kinds


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        ("<p>x", None),
        ("<nav><p>x", Kind.NAVIGATION),
        ("<div id=CybotCookiebotDialog><p>x", Kind.COOKIE_NOTICE),
        ("<nav class=cookie-banner><p>x", Kind.COOKIE_NOTICE),
        ("<div class=cookie><div class=social-share><p>x", Kind.SHARE),  # the nearest decides
        ("<div class=postMeta><time>x", Kind.BYLINE),
        ("<body><noscript><p>No JavaScript</noscript>", Kind.BROWSER_NOTICE),
        ("<body class=search-results><p>x", None),  # says what the page is, not the block
        ("<div class=shadow><p>x", None),  # a whole word: no "ad"
        ("<nav><p>© 2024 Fox", Kind.LEGAL),
        ("<div class=comments><p>© 2024 Fox", Kind.COMMENTS),
        ("<p>All rights reserved", Kind.LEGAL),
        ("<p>Photo: © Fox", None),
        ("<nav><p>" + "long headline " * 10, None),
        ("<div class=pagination><p>x<p>" + "teaser " * 100 + "<p>y", None),  # a list that is merely cut into pages
        ("<div class=search><p>x<p>" + "result " * 300, None),
        ("<div class=iK9tAd><p>x", None),  # a generated class
        ("<div class=ad-slot><p>x", Kind.ADVERTISEMENT),
        ("<div class=parental-consent><p>x", None),
        ("<div class=consent-banner><p>x", Kind.COOKIE_NOTICE),
        ("<div class=category-cookies><p>x", None),
        ("<div class=social-signup><p>x", Kind.ACCOUNT),
        ("<body><noscript><p>Name</noscript>", None),
    ],
)
def test_weak_kinds(html: str, kind: Kind | None) -> None:
    assert weak_kinds(split_html(html))[0] is kind


def test_weak_kinds_take_deep_pages() -> None:
    document = split_html("<nav>" + "<div>" * 200 + "x")
    assert weak_kinds(document) == [None]


def test_weak_kinds_agree_with_the_labels_of_the_sample_pages() -> None:
    right = found = 0
    for page in read_labels(LABELS):
        if page.html is not None:
            kinds = weak_kinds(split_html(page.html))
            pairs = [(b.kind, kind) for b, kind in zip(page.blocks, kinds, strict=True) if b.kind and kind]
            right += sum(gold is kind for gold, kind in pairs)
            found += len(pairs)
    assert right / found > 0.9, (right, found)


# Samples


@pytest.fixture(scope="module")
def pages() -> list[AnnotatedPage]:
    return list(read_labels(LABELS))


def test_samples_of_labelled_pages_know_every_block_and_give_back_the_gold(pages: list[AnnotatedPage]) -> None:
    for page in pages:
        samples = page_samples(page)
        assert [sample.view for sample in samples] == (["html", "lines", "leftovers"] if page.html else ["lines"])
        for sample in samples:
            targets = sample.targets
            assert len(targets) == len(sample.texts) == len(sample.features.dense) == len(sample.kinds)
            assert (targets != UNKNOWN).all(), (page.id, sample.view)
            assert ((sample.kinds != UNKNOWN) == (targets == 2)).all(), (page.id, sample.view)
            content = "\n".join(text for text, target in zip(sample.texts, targets, strict=True) if target == 0)
            assert words_of(content) == words_of(page.gold or "")


def test_samples_of_gold_text_agree_with_labels_of_blocks(pages: list[AnnotatedPage]) -> None:
    agreed = total = 0
    for page in (page for page in pages if page.html is not None):
        (by_blocks,) = page_samples(page, ("html",))
        (by_text,) = page_samples(replace(page, blocks=()), ("html",))
        agreed += int(((by_blocks.targets == 0) == (by_text.targets == 0)).sum())
        total += by_blocks.targets.size
    assert agreed / total > 0.97, (agreed, total)


def test_snippets_alone_label_only_the_blocks_that_hold_them() -> None:
    html = f"<p>Home<p>{FOX}<p>{DOG}<p>Contact"
    (sample,) = page_samples(AnnotatedPage("x", "s", html=html, must_have=("brown FOX",), must_not=("contact",)))
    assert sample.view == "html"
    assert sample.targets.tolist() == [UNKNOWN, 0, UNKNOWN, 2]


def test_samples_are_the_same_every_time(pages: list[AnnotatedPage]) -> None:
    for first, second in zip(page_samples(pages[-1]), page_samples(pages[-1]), strict=True):
        assert first.texts == second.texts
        assert np.array_equal(first.features.dense, second.features.dense)


def test_written_pages_are_the_same_every_time_and_know_every_line(pages: list[AnnotatedPage]) -> None:
    first = list(dressed_samples(pages, make_phrases(), 12))
    assert [sample.texts for sample in first] == [s.texts for s in dressed_samples(pages, make_phrases(), 12)]
    assert all((sample.targets != UNKNOWN).all() for sample in first)
    assert {sample.group for sample in first} & {page.group for page in pages}  # stays with the fold of its site


def test_phrases_become_pages_of_one_line() -> None:
    phrases = [Phrase("Accept\n cookies", Label.CHROME, "cookie_button", "en", "project", "MIT"), make_phrases()[-1]]
    first, second = phrase_samples(phrases)
    assert (first.texts, first.group, first.targets.tolist()) == (("Accept cookies",), "project", [2])
    assert first.kinds.tolist() == [list(Kind).index(Kind.COOKIE_NOTICE)]
    assert (second.targets.tolist(), second.kinds.tolist()) == ([0], [UNKNOWN])


def test_a_short_consent_button_is_chrome_of_no_kind_by_itself() -> None:
    texts = ("Save", "Save cookie settings", "Your choice is kept for twelve months.")
    rows = [Phrase(text, Label.CHROME, "cookie_button", "en", "project", "MIT") for text in texts]
    samples = list(phrase_samples(rows))
    assert [sample.targets.tolist() for sample in samples] == [[2], [2], [2]]
    cookie = list(Kind).index(Kind.COOKIE_NOTICE)
    assert [sample.kinds.tolist() for sample in samples] == [[UNKNOWN], [cookie], [cookie]]


# Recipe


def test_the_shipped_recipe_is_read() -> None:
    recipe = read_recipe(RECIPE)
    assert recipe.folds >= 2
    assert set(recipe.views) == set(VIEWS)


def test_the_shipped_recipe_uses_no_set_whose_licence_forbids_it() -> None:
    closed = {"dragnet", "cleaneval", "l3s-gn1", "ir-research-news", "xmu-chinese-news", "cleanportaleval"}
    assert not (closed | {"htmltotext", "daniel"}) & set(read_recipe(RECIPE).sets)
    assert {"GPL", "AGPL"} <= set(read_recipe(RECIPE).refused_licences)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: None, "No such file"),
        (lambda text: "folds = ", ""),
        (lambda text: text.replace("\nfolds =", "\nfold_number ="), "'folds' is missing"),
        (lambda text: text.replace("[network]", "[net]"), "'hidden' is missing"),
        (lambda text: text.replace("[short_texts]", "[shorts]"), "'short_texts' is missing"),
        (lambda text: text.replace("most_words", "words_at_most"), "words_at_most"),
    ],
)
def test_a_malformed_recipe_is_refused_by_name_and_field(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "recipe.toml"
    text = change(RECIPE.read_text(encoding="utf-8"))
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"recipe\.toml.*{message}"):
        read_recipe(path)
