"""Annotated pages and phrases -> samples: features, a target per block, and weights. What training learns from."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Document, Kind, Label
from dechrome.features import Features, extract_features
from dechrome.html_blocks import split_html
from dechrome.text_blocks import split_text
from dechrome_training.align import content_shares, realign, words_of
from dechrome_training.corpus import OWN_SOURCE, AnnotatedPage, GoldBlock, Phrase
from dechrome_training.pieces import choose_pieces, cut_out
from dechrome_training.views import (
    Line,
    PhraseBook,
    dress,
    dress_lightly,
    join_lines,
    phrase_lines,
    seeded,
    visible_lines,
    with_leftovers,
    wrapped,
)
from dechrome_training.weak_kinds import weak_kinds
from dechrome_training.written_markup import write_markup

VIEWS: Final = ("html", "lines", "leftovers", "written", "phrase", "piece", "marked", "short", "short_marked")
_HTML_VIEWS: Final = ("html", "piece", "marked", "short_marked")
WRITTEN_VIEWS: Final = ("written", "phrase", "marked", "short", "short_marked")  # of lines whose kind is told
_PIECES: Final = 2  # cut out of a page
_CROPS: Final = 2  # of a short page that was written line by line, beside the whole of it
_BROKEN_OFF: Final = 0.35  # of such texts, whole or cropped: "… Read more" in their last paragraph
_PARAGRAPH: Final = 50  # characters of a line that may be one
UNKNOWN: Final = -1
_SHORT: Final = 0.3  # of the written pages: a few lines, as records of scraped corpora often are
_EMPTY: Final = 0.15  # of these: without content
_SHORT_MARKED, _EMPTY_MARKED = 0.7, 0.05  # of those in HTML
_NO_DIALOG: Final = 0.5  # of those in HTML: none has a consent dialog, or cookies would be expected everywhere
_SHORT_SENTENCES: Final = 0.3  # of those in HTML: of each line of content the first sentence alone
_SENTENCE: Final = re.compile(r"(?<=[.!?。！？।])\s*")
_KINDS: Final = {kind: number for number, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Sample:
    """One page as training sees it.

    ``shares`` is the share of each block's words that is content (nan: not known), ``images`` flags image
    placeholders, ``kinds`` numbers the kind of chrome (-1: not known). ``texts`` and ``gold`` are kept for scoring.
    """

    id: str
    group: str
    source: str
    view: str
    language: str | None
    page_type: str | None
    features: Features
    shares: NDArray[np.float32]
    images: NDArray[np.bool_]
    kinds: NDArray[np.int8]
    texts: tuple[str, ...]
    gold: str | None = None
    must_have: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()

    @property
    def targets(self) -> NDArray[np.int8]:
        """The label of each block: 0 content, 1 image, 2 chrome, -1 not known."""
        known = np.where(self.shares >= 0.5, 0, 2)
        known[np.isnan(self.shares)] = UNKNOWN
        known[self.images] = 1
        return known.astype(np.int8)


def head_of(view: str) -> str:
    """Return the name of the network that labels pages written that way."""
    return "html" if view in _HTML_VIEWS else "text"


def page_samples(page: AnnotatedPage, views: Sequence[str] = ("html", "lines", "leftovers")) -> list[Sample]:
    """Return the samples of one annotated page: the page itself, and plain-text views made from it."""
    if page.text is not None:
        document = split_text(page.text)
        return [_sample(page, "lines", document, gold_lines(page, document))]
    document = split_html(page.html or "", page.url)
    lines = gold_lines(page, document)
    samples = []
    if "html" in views:
        samples.append(_sample(page, "html", document, lines))
    if page.gold is None:
        return samples  # snippets leave most lines unknown: too little for text pages
    if "piece" in views:
        samples += _cut_pieces(page, document, lines)
    for view in views:
        if view in _HTML_VIEWS:
            continue
        chance = seeded(page.id, view)
        written = visible_lines(lines) if view == "lines" else with_leftovers(lines, chance)
        samples.append(_text_sample(page, view, written, chance))
    return samples


def _cut_pieces(page: AnnotatedPage, document: Document, lines: Sequence[Line]) -> list[Sample]:
    """Return a few blocks of a page as pages of their own: not tested on, and no training for the page's fold."""
    runs = choose_pieces([line.share for line in lines], _PIECES, seeded(page.id, "piece"))
    samples = []
    for number, (start, end) in enumerate(runs):
        piece = replace(page, id=f"{page.id}+piece{number}", source=OWN_SOURCE, domain=page.group)
        samples.append(_make(piece, "piece", cut_out(document, start, end), lines[start:end]))
    return samples


def dressed_samples(
    pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase], count: int, seed: int = 0, source: str = "written"
) -> Iterator[Sample]:
    """Write plain-text pages: content of annotated pages or of phrases, dressed in chrome of many languages."""
    for page, lines, chance in _write_pages(pages, phrases, count, seed, source):
        if chance.random() < 0.1:
            lines = wrapped(lines, chance.choice((60, 72, 80)))
        yield _text_sample(page, "written", lines, chance)


def marked_samples(
    pages: Sequence[AnnotatedPage], phrases: Sequence[Phrase], count: int, seed: int = 0
) -> Iterator[Sample]:
    """Write small HTML pages the same way: not tested on, since what they are written from is our own."""
    for page, lines, chance in _write_pages(pages, phrases, count, seed, OWN_SOURCE, is_marked=True):
        left_out = Kind.COOKIE_NOTICE if chance.random() < _NO_DIALOG else None
        kept = [line for line in lines if line.text.strip() and (line.kind is None or line.kind is not left_out)]
        yield _marked_sample(page, "marked", kept, chance)


def _marked_sample(page: AnnotatedPage, view: str, lines: Sequence[Line], chance: random.Random) -> Sample:
    html, blocks = write_markup(lines, chance)
    document = split_html(html)
    return _make(page, view, document, _from_gold_blocks(blocks, [block.text for block in document.blocks]))


def short_samples(pages: Sequence[Sequence[Phrase]], phrases: Sequence[Phrase], seed: int = 0) -> Iterator[Sample]:
    """Return short pages that were written line by line, whole and cropped, as text and as HTML: not tested on.

    Some texts break off in a paragraph that ends in a link to the whole of it, taken from the phrases.
    """
    book = PhraseBook(phrases)
    for number, page in enumerate(pages):
        chance, language = seeded(OWN_SOURCE, "short", seed, number), page[0].language
        lines = [
            Line(
                phrase.text,
                float(phrase.label is Label.CONTENT),
                Kind(phrase.kind) if phrase.kind else None,
                phrase.label is Label.IMAGE,
            )
            for phrase in page
        ]
        stand_in = AnnotatedPage(f"short/{language}-{seed}-{number}", OWN_SOURCE, domain=language, language=language)
        for part in (lines, *(_crop(lines, chance) for _ in range(_CROPS))):
            yield _text_sample(stand_in, "short", _break_off(part, book, chance, language), chance)
            yield _marked_sample(stand_in, "short_marked", part, chance)


def _break_off(lines: Sequence[Line], book: PhraseBook, chance: random.Random, language: str) -> Sequence[Line]:
    """Now and then cut the last paragraph short, and glue to it a link to the whole text."""
    long = [place for place, line in enumerate(lines) if line.share >= 0.5 and len(line.text) >= _PARAGRAPH]
    if not long or chance.random() >= _BROKEN_OFF:
        return lines
    text = lines[long[-1]].text
    kept = text[: chance.randint(_PARAGRAPH, len(text))].rstrip()
    broken = book.with_tail(chance, Line(kept, 1.0), language)
    return [*lines[: long[-1]], broken, *lines[long[-1] + 1 :]]


def _crop(lines: Sequence[Line], chance: random.Random) -> Sequence[Line]:
    """Return some neighbouring lines, one at least."""
    size = chance.randint(1, len(lines))
    start = chance.randint(0, len(lines) - size)
    return lines[start : start + size]


def _write_pages(
    pages: Sequence[AnnotatedPage],
    phrases: Sequence[Phrase],
    count: int,
    seed: int,
    source: str,
    is_marked: bool = False,
) -> Iterator[tuple[AnnotatedPage, list[Line], random.Random]]:
    """Yield pages without text yet, with their lines and what goes on to choose for them."""
    short, empty = (_SHORT_MARKED, _EMPTY_MARKED) if is_marked else (_SHORT, _EMPTY)
    book = PhraseBook(phrases)
    golden = [page for page in pages if page.gold]
    for number in range(count if golden or book.languages else 0):
        chance = seeded(source, seed, number)
        page = chance.choice(golden) if golden and (not book.languages or chance.random() < 0.4) else None
        is_short = chance.random() < short
        if page is not None:
            language = page.language or "en"
            content = [Line(part, 1.0) for part in (page.gold or "").split("\n") if part.strip()]
            start = chance.randrange(max(1, len(content) - 3))
            content = content[start : start + chance.choice((1, 2, 3) if is_short else (4, 10, 30))]
        else:
            language = chance.choice(book.languages)
            content = book.paragraphs(chance, language, chance.choice((1, 1, 2) if is_short else (1, 3, 6, 12)))
        if is_marked and chance.random() < _SHORT_SENTENCES:
            content = [Line(_SENTENCE.split(line.text, 1)[0], line.share) for line in content]
        if is_short:
            lines = dress_lightly(content, book, chance, language, empty)
        else:
            lines = dress(content, book, chance, language)
        group = page.group if page is not None else f"written-{seed}-{number}"
        stand_in = AnnotatedPage(f"{source}/{seed}-{number}", source, domain=group, language=language, page_type=None)
        yield stand_in, lines, chance


def phrase_samples(phrases: Sequence[Phrase]) -> Iterator[Sample]:
    """Return every phrase as a page of its own."""
    for phrase, line in zip(phrases, phrase_lines(phrases), strict=True):
        source = OWN_SOURCE if phrase.source == OWN_SOURCE else "phrases"
        page = AnnotatedPage(f"phrase/{phrase.source}", source, domain=phrase.source, language=phrase.language)
        yield _make(page, "phrase", split_text(line.text), [line])


def _text_sample(page: AnnotatedPage, view: str, lines: Sequence[Line], chance: Any) -> Sample:
    kept = [line for line in lines if line.text.strip()]
    stripped = [Line(" ".join(line.text.split()), line.share, line.kind, line.is_image) for line in kept]
    return _make(page, view, split_text(join_lines(stripped, chance)), stripped)


def _sample(page: AnnotatedPage, view: str, document: Document, lines: Sequence[Line]) -> Sample:
    return _make(page, view, document, lines)


def _make(page: AnnotatedPage, view: str, document: Document, lines: Sequence[Line]) -> Sample:
    if len(lines) != len(document.blocks):
        raise AssertionError(f"{page.id} {view}: {len(lines)} lines for {len(document.blocks)} blocks")
    return Sample(
        page.id,
        page.group,
        page.source,
        view,
        page.language,
        page.page_type,
        extract_features(document),
        np.array([line.share for line in lines], np.float32),
        np.array([line.is_image for line in lines], bool),
        np.array([UNKNOWN if line.kind is None else _KINDS[line.kind] for line in lines], np.int8),
        tuple(block.text for block in document.blocks),
        page.gold if view in ("html", "lines") else None,
        page.must_have,
        page.must_not,
    )


def gold_lines(page: AnnotatedPage, document: Document) -> list[Line]:
    """Return what the gold says of every block of a page; a share that is nan is not known."""
    texts = [block.text for block in document.blocks]
    if page.blocks:
        return _from_gold_blocks(page.blocks, texts)
    if page.gold is not None:
        shares = content_shares(texts, page.gold)
    else:
        shares = _from_snippets(texts, page.must_have, page.must_not)
    kinds = weak_kinds(document)
    return [
        Line(text, share, kind if share < 0.5 else None) for text, share, kind in zip(texts, shares, kinds, strict=True)
    ]


def _from_gold_blocks(blocks: Sequence[GoldBlock], texts: Sequence[str]) -> list[Line]:
    """Return what labelled blocks, perhaps of another segmentation, say of today's."""
    return [
        Line(text, found.share, found.kind, found.label is Label.IMAGE)
        for text, found in zip(texts, realign(texts, blocks), strict=True)
    ]


def _from_snippets(texts: Sequence[str], must_have: Sequence[str], must_not: Sequence[str]) -> list[float]:
    """Label only the blocks in which a snippet is found."""
    plain = [" ".join(words_of(text)) for text in texts]
    shares = [float("nan")] * len(texts)
    for snippets, share in ((must_not, 0.0), (must_have, 1.0)):
        for snippet in snippets:
            wanted = " ".join(words_of(snippet))
            hits = [index for index, text in enumerate(plain) if wanted and wanted in text]
            if len(hits) == 1 or (hits and share == 0.0):
                for index in hits:
                    shares[index] = share
    return shares
