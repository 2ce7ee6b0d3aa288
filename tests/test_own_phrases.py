"""Phrases written for this project: their files, their reader, the image names, and their part in training."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from dechrome.blocks import Kind, Label
from dechrome.errors import DataError
from dechrome_training.corpus import OWN_SOURCE, Phrase, read_own_pages, read_own_phrases, read_phrases
from dechrome_training.image_names import write_images, write_look_alikes
from dechrome_training.label_files import read_labels
from dechrome_training.recipe import read_recipe
from dechrome_training.samples import dressed_samples, phrase_samples, short_samples
from dechrome_training.views import seeded

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "datasets" / "phrases"
PAGES = ROOT / "datasets" / "short_pages"
CORPUS = ROOT.parent / "shared" / "corpora" / "phrases.parquet"
HEADER = "label\tkind\ttext\n"
LONG = 40  # characters from which a text is no common button


@pytest.fixture(scope="module")
def own() -> list[Phrase]:
    return list(read_own_phrases(FOLDER))


# The reader


def test_own_phrases_are_read_with_the_language_of_their_file(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_text(HEADER + "chrome\tshare\tTeilen\ncontent\t\tEs regnet.\n", encoding="utf-8")
    assert list(read_own_phrases(tmp_path)) == [
        Phrase("Teilen", Label.CHROME, "share", "de", OWN_SOURCE, "Apache-2.0"),
        Phrase("Es regnet.", Label.CONTENT, "", "de", OWN_SOURCE, "Apache-2.0"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind\ttext\n", ":1: the header"),
        (HEADER + "chrome\tshare\n", ":2: 3 fields"),
        (HEADER + "content\t\ta\nmenu\tshare\tx\n", ":3: 'menu' is not a valid Label"),
        (HEADER + "chrome\tmenu\tx\n", ":2: 'menu' is not a valid Kind"),
        (HEADER + "chrome\t\tx\n", ":2: '' is not a valid Kind"),
        (HEADER + "content\tshare\tx\n", ":2: content has no kind"),
        (HEADER + "content\t\t\n", ":2: text must not be empty"),
        (HEADER + "content\t\ta  b\n", ":2: text must not be empty, nor hold"),
        (HEADER + "\n", ":2: 3 fields"),
    ],
)
def test_a_malformed_file_of_phrases_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "de.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(f"de.tsv{message}")):
        list(read_own_phrases(tmp_path))


def test_a_folder_without_phrases_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no files of ours there"):
        list(read_own_phrases(tmp_path / "nowhere"))


# The files


def test_the_recipe_names_the_files() -> None:
    assert read_recipe(ROOT / "training" / "recipe.toml").own_phrases.resolve() == FOLDER


def test_no_phrase_is_twice_in_a_language(own: list[Phrase]) -> None:
    counts = Counter((phrase.language, phrase.text.casefold()) for phrase in own)
    assert [key for key, count in counts.items() if count > 1] == []


def test_every_kind_of_chrome_and_content_is_there(own: list[Phrase]) -> None:
    assert {phrase.kind for phrase in own} == {"", *Kind}
    assert {phrase.label for phrase in own} == {Label.CONTENT, Label.CHROME}
    assert len({phrase.language for phrase in own}) >= 60


def test_no_word_mixes_alphabets(own: list[Phrase]) -> None:
    """A Cyrillic letter inside a Latin word looks right, but is a mistake."""
    assert [word for phrase in own for word in re.findall(r"\w+", phrase.text) if len(_alphabets(word)) > 1] == []


@pytest.mark.corpora
def test_no_phrase_is_copied_from_the_public_phrases(own: list[Phrase]) -> None:
    public = {" ".join(phrase.text.split()).casefold() for phrase in read_phrases(CORPUS)}
    assert [p.text for p in own if len(p.text) > LONG and p.text.casefold() in public] == []


def _alphabets(word: str) -> set[str]:
    names = {unicodedata.name(character, "").split(" ")[0] for character in word}
    return names & {"LATIN", "CYRILLIC", "GREEK"}


# Short pages


def test_an_empty_line_parts_short_pages(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_text(
        HEADER + "chrome\tother\tDrucken\n\n\ncontent\t\tEs regnet.\nimage\t\ta.jpg\n", "utf-8"
    )
    first, second = read_own_pages(tmp_path)
    assert [(phrase.label, phrase.kind, phrase.text) for phrase in first] == [(Label.CHROME, "other", "Drucken")]
    assert [(phrase.label, phrase.text) for phrase in second] == [(Label.CONTENT, "Es regnet."), (Label.IMAGE, "a.jpg")]
    assert {phrase.language for phrase in (*first, *second)} == {"de"}


def test_a_malformed_file_of_short_pages_is_refused_by_line(tmp_path: Path) -> None:
    (tmp_path / "de.tsv").write_text(HEADER + "content\t\ta\n\nchrome\tmenu\tx\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"de\.tsv:4: 'menu' is not a valid Kind"):
        list(read_own_pages(tmp_path))


def test_short_pages_are_of_many_languages_and_none_is_twice() -> None:
    pages = list(read_own_pages(PAGES))
    assert len({page[0].language for page in pages}) >= 25
    texts = Counter(tuple(phrase.text for phrase in page) for page in pages)
    assert [page for page, count in texts.items() if count > 1] == []
    assert {phrase.kind for page in pages for phrase in page} == {"", *Kind}
    assert {phrase.label for page in pages for phrase in page} == set(Label)


def test_short_pages_that_are_held_out_are_of_languages_that_have_none_in_training() -> None:
    held_out = list(read_labels(ROOT / "datasets" / "short_pages_held_out.jsonl"))
    learned = {page[0].language for page in read_own_pages(PAGES)}
    assert not learned & {page.language for page in held_out}
    assert all(page.text and page.blocks for page in held_out)


def test_short_pages_become_samples_as_text_and_as_html_whole_and_cropped() -> None:
    pages = list(read_own_pages(PAGES))[:5]
    samples = list(short_samples(pages, []))
    assert [sample.view for sample in samples[:2]] == ["short", "short_marked"]
    whole, crop = samples[0], samples[2]
    assert len(samples) == 2 * 3 * len(pages)
    assert {sample.source for sample in samples} == {OWN_SOURCE}
    assert whole.texts == tuple(phrase.text for phrase in pages[0])
    assert whole.targets.tolist() == [list(Label).index(phrase.label) for phrase in pages[0]]
    assert "\n".join(crop.texts) in "\n".join(whole.texts)


def test_some_short_texts_break_off_before_a_link_to_the_whole(own: list[Phrase]) -> None:
    pages = [page for page in read_own_pages(PAGES) if page[0].language == "de"]
    tails = tuple(phrase.text for phrase in own if phrase.kind == "read_more" and phrase.language == "de")
    written = {phrase.text for page in pages for phrase in page}
    samples = [sample for sample in short_samples(pages, own) if sample.view == "short"]
    new = [
        (text, target)
        for sample in samples
        for text, target in zip(sample.texts, sample.targets.tolist(), strict=True)
        if text not in written
    ]
    assert 0.15 * len(samples) < len(new) < 0.5 * len(samples)
    assert all(text.endswith(tails) and target == 0 for text, target in new)


# Image names


def test_image_names_are_the_same_every_time_and_differ_by_seed() -> None:
    assert write_images(50) == write_images(50)
    assert write_look_alikes(50) == write_look_alikes(50)
    assert write_images(50) != write_images(50, seed=1)
    assert write_images(20) == write_images(50)[: len(write_images(20))]


def test_image_names_and_look_alikes_are_labelled_and_complete() -> None:
    images, others = write_images(3000), write_look_alikes(3000)
    assert {phrase.label for phrase in images} == {Label.IMAGE}
    assert {phrase.label for phrase in others} == {Label.CONTENT}
    assert not [p.text for p in images + others if "§" in p.text or p.text != " ".join(p.text.split()) or not p.text]
    assert not {phrase.text for phrase in images} & {phrase.text for phrase in others}
    assert len(images) > 2000


# Training


def test_own_phrases_become_pages_and_dress_pages(own: list[Phrase]) -> None:
    (sample,) = phrase_samples(own[:1])
    assert sample.source == OWN_SOURCE
    written = list(dressed_samples([], own, 20, 0, OWN_SOURCE))
    assert {sample.source for sample in written} == {OWN_SOURCE}
    assert {sample.language for sample in written} <= {phrase.language for phrase in own} - {"und"}
    kinds = {kind for sample in written for kind in sample.kinds.tolist()}
    assert len(kinds) > 10


def test_a_consent_dialog_comes_in_one_language(own: list[Phrase]) -> None:
    from dechrome_training.views import PhraseBook

    german = PhraseBook([phrase for phrase in own if phrase.language == "de"])
    for seed in range(10):
        lines = german.cookie_dialog(seeded(seed), "fr")
        assert lines
        assert all(line.kind is Kind.COOKIE_NOTICE and line.share == 0 for line in lines)
