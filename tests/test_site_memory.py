"""What recurs on other pages of a site: the count, the correction by it, and how its strength is fitted."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dechrome.artefact import Model, read_model, write_model
from dechrome.batch.site_memory import (
    MOST,
    SiteMemory,
    empty_memory,
    merge_memories,
    normal_text,
    read_memory,
    write_memory,
)
from dechrome.blocks import Document, Label
from dechrome.errors import InputError, ModelError
from dechrome.features import Features, extract_features
from dechrome.html_blocks import split_html
from dechrome.labelling import SHIPPED_MODEL, Source, label_pages, load_model
from dechrome.recurring import lower_recurring
from dechrome.text_blocks import split_text
from dechrome_training.calibration import identity
from dechrome_training.fit import Prediction
from dechrome_training.samples import Sample
from dechrome_training.site import fit_sites

FOX = "The quick brown fox ran over the hill at noon, and nobody saw where it went."
DOG = "A lazy dog slept under the old apple tree until dusk, and dreamt of bones."
CLUB = "Members of the valley club meet on the first Monday of each month in the town hall."
SITE = "https://www.valley.example/"


def make_page(*texts: str, url: str | None = SITE) -> Document:
    return split_html("".join(f"<p>{text}</p>" for text in texts), url)


def count_pages(*pages: Document, bits: int = 12) -> SiteMemory:
    memory = empty_memory(bits)
    for page in pages:
        memory.count(page)
    return memory


# Counting


def test_a_text_recurs_on_the_share_of_the_other_pages_that_hold_it() -> None:
    pages = [make_page(CLUB, FOX), make_page(CLUB, DOG), make_page(CLUB, "Third"), make_page("Fourth", DOG)]
    memory = count_pages(*pages)
    assert memory.recurrence(pages[0]).tolist() == pytest.approx([2 / 4, 0])
    assert memory.recurrence(pages[3]).tolist() == pytest.approx([0, 1 / 4])


def test_a_text_counts_once_a_page_and_case_and_white_space_do_not_matter() -> None:
    pages = [make_page(CLUB, CLUB.upper(), f"  {CLUB.replace(' ', '  ')} "), make_page(FOX, CLUB)]
    assert count_pages(*pages).recurrence(pages[1]).tolist() == pytest.approx([0, 1 / 2])
    assert count_pages(*pages).recurrence(pages[0]).tolist() == pytest.approx([1 / 2] * 3)


def test_numbers_tell_texts_apart() -> None:
    assert normal_text("Only $5.00") != normal_text("only $6.00")


def test_sites_do_not_mix_and_www_is_no_other_site() -> None:
    pages = [make_page(CLUB, FOX), make_page(CLUB, DOG, url="https://hill.example/a")]
    assert count_pages(*pages).recurrence(pages[0]).tolist() == [0, 0]
    pages = [make_page(CLUB, FOX), make_page(CLUB, DOG, url="http://valley.example:80/b?c")]
    assert count_pages(*pages).recurrence(pages[0]).tolist() == pytest.approx([1 / 2, 0])


def test_exact_copies_of_a_page_are_no_other_pages() -> None:
    pages = [make_page(CLUB, FOX), make_page(CLUB, FOX), make_page(CLUB, FOX), make_page(CLUB, DOG)]
    assert count_pages(*pages).recurrence(pages[0]).tolist() == pytest.approx([1 / 2, 0])
    assert count_pages(*pages[:3]).recurrence(pages[0]).tolist() == [0, 0]


@pytest.mark.parametrize("url", [None, "", "page.html", "http://["])
def test_a_page_without_an_address_is_neither_counted_nor_known(url: str | None) -> None:
    page = make_page(CLUB, FOX, url=url)
    memory = count_pages(page, page)
    assert not memory.counters.any()
    assert memory.recurrence(page).tolist() == [0, 0]


def test_a_page_that_was_never_counted_can_be_looked_up() -> None:
    memory = count_pages(make_page(CLUB, FOX), make_page(CLUB, DOG))
    assert memory.recurrence(make_page(CLUB, "New")).tolist() == pytest.approx([2 / 3, 0])
    assert memory.recurrence(make_page()).tolist() == []


def test_plain_text_is_counted_by_the_line() -> None:
    pages = [split_text(f"{CLUB}\n{FOX}", SITE), split_text(f"{CLUB}\n{DOG}", SITE)]
    assert count_pages(*pages).recurrence(pages[0]).tolist() == pytest.approx([1 / 2, 0])


def test_counts_stop_where_their_type_ends() -> None:
    memory = empty_memory(10)
    memory.counters[:] = MOST - 1
    memory.count(make_page(CLUB, FOX, DOG))
    assert memory.counters.max() == MOST
    assert memory.counters.min() == MOST - 1


def test_a_crowded_memory_takes_off_what_other_texts_add() -> None:
    memory = empty_memory(10)
    for number in range(500):
        memory.count_texts(f"site{number}", [f"{number} {place}" for place in range(20)])
    pages = [[CLUB, f"Own {number}"] for number in range(50)]
    for texts in pages:
        memory.count_texts("valley.example", texts)
    found = np.mean([memory.measure_texts("valley.example", texts) for texts in pages], axis=0)
    assert found[0] == pytest.approx(49 / 50, abs=0.1)
    assert found[1] < 0.1


@given(st.lists(st.lists(st.text(max_size=5), max_size=4), min_size=1, max_size=6), st.integers(0, 5))
def test_parts_merge_to_what_one_memory_would_hold(pages: list[list[str]], cut: int) -> None:
    parts = [empty_memory(10), empty_memory(10)]
    whole = empty_memory(10)
    for number, texts in enumerate(pages):
        parts[number >= cut].count_texts("a", texts)
        whole.count_texts("a", texts)
    assert (merge_memories(parts).counters == whole.counters).all()
    for texts in pages:
        shares = whole.measure_texts("a", texts)
        assert ((shares >= 0) & (shares < 1)).all()


def test_merged_counts_stop_where_their_type_ends() -> None:
    full = SiteMemory(np.full((4, 1024), MOST - 1, np.uint16))
    assert (merge_memories([full, full]).counters == MOST).all()
    assert full.counters.max() == MOST - 1


def test_memories_of_different_sizes_and_none_at_all_do_not_merge() -> None:
    for parts in ([], [empty_memory(10), empty_memory(11)]):
        with pytest.raises(InputError, match="one size"):
            merge_memories(parts)


def test_the_size_is_bounded() -> None:
    for bits in (9, 31):
        with pytest.raises(InputError, match="10 to 30"):
            empty_memory(bits)


# Files


def test_a_memory_is_read_as_it_was_written_and_the_same_counts_give_the_same_bytes(tmp_path: Path) -> None:
    memory = count_pages(make_page(CLUB, FOX), make_page(CLUB, DOG))
    for name in ("a", "b"):
        write_memory(tmp_path / name, memory)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (read_memory(tmp_path / "a").counters == memory.counters).all()


def test_another_process_counts_the_same(tmp_path: Path) -> None:
    code = (
        "from dechrome.batch.site_memory import *; m = empty_memory(10);"
        f"m.count_texts('a', ['Häuser', 'x']); write_memory({str(tmp_path / 'm')!r}, m)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    memory = empty_memory(10)
    memory.count_texts("a", ["Häuser", "x"])
    assert (read_memory(tmp_path / "m").counters == memory.counters).all()


def test_what_is_no_memory_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with pytest.raises(InputError, match=r"m\.npz"):
        read_memory(path)
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match=r"m\.npz"):
        read_memory(path)
    arrays: list[dict[str, Any]] = [
        {},
        {"counters": np.zeros((4, 1000), np.uint16)},
        {"counters": np.zeros((4, 1024), np.int64)},
        {"counters": np.zeros(1024, np.uint16)},
        {"counters": np.array([{}], object)},
    ]
    for content in arrays:
        np.savez(path, **content)
        with pytest.raises(InputError, match=r"m\.npz"):
            read_memory(path)


# The correction


@given(
    st.lists(st.tuples(*[st.floats(0, 1)] * 3).filter(lambda row: sum(row) > 0), max_size=6),
    st.floats(0, 20),
    st.data(),
)
def test_what_recurs_is_never_likelier_content_and_probabilities_stay_such(
    rows: list[tuple[float, ...]], strength: float, data: st.DataObject
) -> None:
    before = np.array([np.array(row) / sum(row) for row in rows], np.float32).reshape(-1, 3)
    shares = data.draw(st.lists(st.floats(0, 1), min_size=len(rows), max_size=len(rows)))
    after = lower_recurring(before, np.array(shares, np.float32), strength)
    assert after.shape == before.shape
    assert (after[:, 0] <= before[:, 0] + 1e-6).all()
    assert ((after >= 0) & (after <= 1 + 1e-6)).all()
    shared = before[:, 1:].any(axis=1)  # else there is nothing to share what is freed by
    assert after[shared].sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_strength_0_and_what_does_not_recur_change_nothing() -> None:
    before = np.array([[0.7, 0.1, 0.2], [0.2, 0, 0.8]], np.float32)
    assert (lower_recurring(before, np.ones(2, np.float32), 0.0) == before).all()
    assert (lower_recurring(before, np.zeros(2, np.float32), 9.0) == before).all()


# Labelling


def _with_strength(strength: float) -> Model:
    model = load_model()
    return replace(model, settings={**model.settings, "site_strength": {"html": strength, "text": strength}})


@pytest.mark.parametrize("view", ["html", "text"])
def test_a_text_on_every_page_of_the_site_is_lowered(view: str) -> None:
    stories = [FOX, DOG, *(f"{FOX} Then came number {number}, and {DOG.lower()}" for number in range(8))]
    pages: list[Source] = []
    for story in stories:
        if view == "html":
            pages.append(Source(html=f"<p>{story}</p><p>{CLUB}</p>", url=SITE))
        else:
            pages.append(Source(text=f"{story}\n{CLUB}", url=SITE))
    memory = empty_memory(12)
    for source in pages:
        memory.count(split_html(str(source.html), SITE) if view == "html" else split_text(str(source.text), SITE))
    model = _with_strength(8.0)
    alone = [page.blocks for page in label_pages(pages, model)]
    known = [page.blocks for page in label_pages(pages, model, sites=memory.recurrence)]
    for before, after in zip(alone, known, strict=True):
        assert after[0].probabilities == pytest.approx(before[0].probabilities)
        assert after[1].probabilities[Label.CONTENT] < before[1].probabilities[Label.CONTENT] / 2
        assert after[1].label is Label.CHROME


def test_a_model_without_a_strength_labels_as_if_nothing_recurred(tmp_path: Path) -> None:
    settings = {name: value for name, value in load_model().settings.items() if name != "site_strength"}
    write_model(tmp_path / "old", replace(load_model(), settings=settings))
    model = read_model(tmp_path / "old")
    pages = [Source(html=f"<p>{FOX}</p><p>{CLUB}</p>", url=SITE)]
    everywhere = [*label_pages(pages, model, sites=lambda document: np.ones(len(document.blocks), np.float32))]
    assert everywhere == [*label_pages(pages, model)]


@pytest.mark.parametrize(
    "value", [None, 3, {}, {"html": 1}, {"html": -1, "text": 1}, {"html": 1, "text": "x"}, {"html": 1, "text": 1e999}]
)
def test_a_strength_that_labelling_cannot_use_is_refused(tmp_path: Path, value: Any) -> None:
    model = load_model()
    write_model(tmp_path / "new", replace(model, settings={**model.settings, "site_strength": value}))
    with pytest.raises(ModelError, match="new"):
        read_model(tmp_path / "new")


def test_the_shipped_model_has_a_strength_for_html_and_for_text() -> None:
    model = read_model(SHIPPED_MODEL)
    assert 0 < model.site_strength("html") <= 10
    assert 0 < model.site_strength("text") <= 10


# Fitting


def _prediction(number: int, site: str, view: str, texts: list[str], content: list[float], gold: str) -> Prediction:
    features: Features = extract_features(make_page(*texts))
    size = len(texts)
    sample = Sample(
        f"{site}/{number}", site, "made", view, "en", None, features,
        np.ones(size, np.float32), np.zeros(size, bool), np.full(size, -1, np.int8), tuple(texts), gold,
    )  # fmt: skip
    labels = np.array([[share, 0, 1 - share] for share in content], np.float32)
    return Prediction(sample, labels, np.zeros((size, 1), np.float32))


def test_the_strength_grows_until_what_recurs_is_dropped_and_not_beyond() -> None:
    predictions = [
        _prediction(number, "a", "html", [f"{FOX} {number}", CLUB], [0.9, 0.8], f"{FOX} {number}")
        for number in range(12)
    ]
    fitted = fit_sites(predictions, identity())
    assert 2 <= fitted["site_strength"]["html"] <= 4
    scores = fitted["site_scores"]["html"]
    assert scores["pages"] == 12
    assert scores["without"] < 0.8
    assert scores["with"] == 1


def test_where_what_recurs_is_content_the_strength_is_0() -> None:
    predictions = [
        _prediction(number, "a", "lines", [f"{FOX} {number}", CLUB], [0.9, 0.8], f"{FOX} {number} {CLUB}")
        for number in range(12)
    ]
    assert fit_sites(predictions, identity())["site_strength"] == {"html": 0.0, "text": 0.0}


def test_where_every_site_has_one_page_the_strength_is_0() -> None:
    predictions = [_prediction(n, f"site{n}", "html", [f"{FOX} {n}", CLUB], [0.9, 0.8], FOX) for n in range(5)]
    assert fit_sites(predictions, identity()) == {"site_strength": {"html": 0.0, "text": 0.0}, "site_scores": {}}
