"""Small HTML pages to train on: pieces of annotated pages, and pages written from lines."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dechrome.blocks import Document, Kind, Label
from dechrome.features import extract_features
from dechrome.html_blocks import split_html
from dechrome_training.align import realign
from dechrome_training.corpus import OWN_SOURCE, AnnotatedPage, Phrase
from dechrome_training.pieces import choose_pieces, cut_out
from dechrome_training.samples import head_of, marked_samples, page_samples
from dechrome_training.views import Line, seeded
from dechrome_training.written_markup import write_markup

FOX = "The quick brown fox jumps over the lazy dog & sees <nothing>."
PAGE = """<title>Foxes</title><header><nav class=top><a href=#>Home</a> <a href=#>Shop</a></nav></header>
<main id=m><h1>Foxes</h1><div class=text><p>They jump.</p><p>They sleep.</p></div></main><footer>Imprint</footer>"""
LINES = [
    Line("• Home", 0.0, Kind.NAVIGATION),
    Line("Shop", 0.0, Kind.NAVIGATION),
    Line("Foxes", 1.0),
    Line(FOX, 1.0),
    Line("fox.jpg", 0.0, None, True),
    Line("We use cookies to make this site work as you expect it to.", 0.0, Kind.COOKIE_NOTICE),
    Line("Accept", 0.0, Kind.COOKIE_NOTICE),
]


def places(document: Document) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return each block's text with the elements around it."""
    found = []
    for block in document.blocks:
        element, around = block.element, []
        while element >= 0:
            around.append((document.tree.tags[element], document.tree.cues[element]))
            element = document.tree.parents[element]
        found.append((block.text, around))
    return found


@pytest.mark.parametrize(("start", "end"), [(0, 1), (1, 3), (0, 5), (4, 5)])
def test_a_piece_keeps_its_blocks_and_the_elements_around_them_alone(start: int, end: int) -> None:
    document = split_html(PAGE)
    piece = cut_out(document, start, end)
    assert places(piece) == places(document)[start:end]
    assert set(piece.tree.tags) == {tag for _, around in places(piece) for tag, _ in around}
    assert all(parent < element for element, parent in enumerate(piece.tree.parents))
    assert len(extract_features(piece).dense) == end - start


def test_pieces_hold_clear_blocks_and_mostly_a_place_where_content_begins_or_ends() -> None:
    shares = [0.0, 0.0, 0.05, 1.0, 1.0, 0.5, 1.0, float("nan"), 0.0, 1.0]
    pieces = [piece for seed in range(200) for piece in choose_pieces(shares, 2, seeded(seed))]
    assert all(shares[place] <= 0.1 or shares[place] >= 0.9 for start, end in pieces for place in range(start, end))
    turns = [any(abs(a - b) > 0.5 for a, b in pairwise(shares[start:end])) for start, end in pieces]
    assert 0.5 < sum(turns) / len(turns) < 1


def test_a_page_of_content_alone_and_an_empty_one_have_pieces_or_none() -> None:
    assert choose_pieces([1.0, 1.0, 1.0], 2, seeded(1))
    assert choose_pieces([], 2, seeded(1)) == []


def test_pieces_of_a_page_are_of_its_site_and_never_tested_on() -> None:
    page = AnnotatedPage("p", "s", html=PAGE, domain="fox.example", gold="Foxes\n\nThey jump.\n\nThey sleep.")
    pieces = page_samples(page, ("piece",))
    assert pieces
    assert {(sample.view, sample.group, sample.source) for sample in pieces} == {("piece", "fox.example", OWN_SOURCE)}
    assert head_of("piece") == head_of("marked") == "html"


@pytest.mark.parametrize("seed", range(60))
def test_written_markup_holds_every_line_with_its_label(seed: int) -> None:
    html, gold = write_markup(LINES, seeded(seed))
    texts = [block.text for block in split_html(html).blocks]
    assert "".join("".join(texts).split()) == "".join("".join(line.text for line in LINES).split()).replace("•", "")
    found = realign(texts, gold)
    labels = {text: label.label for text, label in zip(texts, found, strict=True)}
    assert labels[FOX] is Label.CONTENT
    assert labels["fox.jpg"] is Label.IMAGE
    dialog = next(label for text, label in zip(texts, found, strict=True) if "cookies" in text)
    assert (dialog.label, dialog.kind) == (Label.CHROME, Kind.COOKIE_NOTICE)
    assert html == write_markup(LINES, seeded(seed))[0]


def test_small_pages_are_written_the_same_every_time_and_labelled_throughout() -> None:
    phrases = [Phrase(f"{n} {FOX}", Label.CONTENT, "sentence", "en", OWN_SOURCE, "Apache-2.0") for n in range(20)]
    phrases += [Phrase(f"Menu {n}", Label.CHROME, "navigation", "en", OWN_SOURCE, "Apache-2.0") for n in range(9)]
    samples = list(marked_samples([], phrases, 30))
    assert [sample.texts for sample in samples] == [sample.texts for sample in marked_samples([], phrases, 30)]
    assert len(samples) == 30
    assert {sample.view for sample in samples} == {"marked"}
    assert all((sample.targets >= 0).all() for sample in samples)
    assert {label for sample in samples for label in sample.targets.tolist()} == {0, 2}
