"""Foreign tails of content blocks to learn from: glued from pages and phrases, beside ends that are none."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dechrome.artefact import TAIL_KINDS
from dechrome.blocks import Kind, Label
from dechrome.html_blocks import split_html
from dechrome.tails import MAX_TAIL, NO_LINK, UNKNOWN_LINK
from dechrome.tails import last_link as find_last_link
from dechrome_training.align import words_of
from dechrome_training.corpus import AnnotatedPage, Phrase
from dechrome_training.recipe import TailRecipe
from dechrome_training.views import seeded

EVERY_FOLD: Final = -1  # of what is in training whichever fold is left out
_SHORTEST: Final = 25  # characters of a content block; shorter ones are often labels, and hold no tail of their own
WRITTEN: Final = "written"
_LOOK_ALIKES: Final = 6  # of each copy
_COPIES: Final = 12  # of each phrase, behind other content
_JOINTS: Final = (" ", " ", " ", " ", " ", " ", "… ", "...", " […] ", "... ", " ... ", "…", " [...] ", ": ", "")
_FRAMES: Final = ("{}", "{}", "{}", "{}", "{}", "{} »", "{} →", "{}…", "{} ...", "({})", "({} …)", "[{}]", "» {}",
                  "→ {}", "{} >", "{} ›", "{} >>", "> {}", "{}:")  # fmt: skip
_STOPS: Final = re.compile(r"[.!?…。！？।؟۔)\]]")
_ARROWS: Final = " .…»›>→)]"
_UNSPACED: Final = frozenset(("ja", "zh", "th", "lo", "km", "my"))


class Example(NamedTuple):
    """The end of a block: where its tail begins (-1: it has none) and of what kind it is.

    ``link`` is what ``last_link`` says. Examples of a negative ``fold`` are in training for every fold.
    """

    text: str
    link: int
    start: int
    kind: Kind | None
    language: str
    fold: int
    source: str


def write_examples(
    pages: Sequence[AnnotatedPage],
    page_folds: Sequence[int],
    phrases: Sequence[Phrase],
    phrase_folds: Sequence[int],
    recipe: TailRecipe,
) -> list[Example]:
    """Return ends of content, whole and cut, and phrases glued to such content."""
    known = frozenset(
        " ".join(words_of(phrase.text))
        for phrase in phrases
        if phrase.label is Label.CHROME and phrase.kind in TAIL_KINDS and " " in phrase.text
    )
    content = [e for page, fold in zip(pages, page_folds, strict=True) for e in content_ends(page, fold, known)]
    folds = sorted(set(page_folds)) or [0]
    for phrase, fold in zip(phrases, phrase_folds, strict=True):
        if phrase.label is Label.CONTENT and len(phrase.text) >= _SHORTEST:
            fold = fold if fold >= 0 else folds[len(phrase.text) % len(folds)]
            content.append(Example(phrase.text, UNKNOWN_LINK, -1, None, phrase.language, fold, "phrase"))
    heads: dict[tuple[str, int], list[str]] = defaultdict(list)
    for example in content:
        heads[example.language, example.fold].append(example.text)
        heads["", example.fold].append(example.text)
    chance = seeded("tails")
    examples = content + [_cut(example, chance) for example in content if chance.random() < 0.4]
    for phrase, fold in zip(phrases, phrase_folds, strict=True):
        if phrase.label is Label.CHROME and phrase.kind in TAIL_KINDS and phrase.source in recipe.sources:
            for number in range(_COPIES):
                place = fold if fold >= 0 else folds[number % len(folds)]
                some = heads.get((phrase.language, place), [])
                if len(some) < 8 or chance.random() < 0.2:
                    some = heads["", place]
                examples += _written(phrase, place, some, chance)
    return examples


def _written(phrase: Phrase, fold: int, content: Sequence[str], chance: random.Random) -> Iterator[Example]:
    """Yield content with the phrase as its tail, and with what looks alike but is none."""
    language = phrase.language

    def head() -> str:
        return _cut_text(chance.choice(content), language, chance)

    glued = _glue(head(), _dress(phrase.text, chance), language, chance)
    yield Example(*glued, Kind(phrase.kind), language, fold, phrase.source)
    text, link, _ = _mention(head(), phrase, chance.choice(content), chance)
    yield Example(text, link, -1, None, language, fold, WRITTEN)
    for _ in range(_LOOK_ALIKES):
        text, link, _ = _glue(head(), _slice(chance.choice(content), language, chance), language, chance)
        yield Example(text, link, -1, None, language, fold, WRITTEN)


def content_ends(page: AnnotatedPage, fold: int, known: frozenset[str] = frozenset()) -> Iterator[Example]:
    """Yield the blocks of a page that the gold has whole, or that hold a snippet of it, as HTML and as text.

    Those that end in a known phrase, on its own, are left out: the gold of some pages keeps "Learn more".
    """
    document = split_html(page.html or "", page.url)
    gold = f" {' '.join(words_of(page.gold or ''))} "
    snippets = [" ".join(words_of(snippet)) for snippet in page.must_have]
    seen = set()
    for block in document.blocks:
        if len(block.text) < _SHORTEST or block.text in seen:
            continue
        seen.add(block.text)
        words = " ".join(words_of(block.text))
        if f" {words} " in gold or any(snippet in words for snippet in snippets):
            text, language = " ".join(block.text.split()), page.language or "und"
            link = find_last_link(block.text, block.spans)
            if _ends_in(block.text, link, known):
                continue
            if text == block.text:
                yield Example(text, link, -1, None, language, fold, page.source)
            if link >= 0 or text != block.text:
                yield Example(text, UNKNOWN_LINK, -1, None, language, fold, page.source)


def _ends_in(text: str, link: int, known: frozenset[str]) -> bool:
    """Tell whether the last link, or what stands behind the last stop, is a known phrase."""
    ends = [text[max(link, 0) :], _STOPS.split(text.rstrip(_ARROWS))[-1]]
    return any(" ".join(words_of(end)) in known for end in ends)


def _glue(
    head: str, tail: str, language: str, chance: random.Random, frames: Sequence[str] = _FRAMES
) -> tuple[str, int, int]:
    """Glue a tail to content, as teasers and feeds have it; returns the text, its last link, and the tail's start."""
    is_bare = tail[-1:].isalnum() and tail[0].isalnum()
    frame = chance.choice(frames) if is_bare else "{}"
    linked, joint = chance.random(), chance.choice(_JOINTS)
    if linked > 0.5 and frame == "{}" and is_bare and " " not in tail and language not in _UNSPACED:
        frame = chance.choice(("{} »", "{}…", "({})", "[{}]", "→ {}"))  # a lonely word could be anything
    if frame == "{}" and tail[0].islower() and head[-1:].isalnum() and not joint.strip(" :"):
        joint = "… "
    if not joint and not (tail[0].isupper() and head[-1].islower()):
        joint = " "
    framed = frame.format(tail)
    start = len(head) + len(joint)
    inside = start + (framed.index(tail) if chance.random() < 0.5 else 0)
    link = inside if linked < 0.5 else NO_LINK if linked < 0.6 else UNKNOWN_LINK
    return head + joint + framed, link, start


def _dress(text: str, chance: random.Random) -> str:
    """Write a phrase as one site or another would."""
    tail = " ".join(text.split())
    if chance.random() < 0.3:
        tail = chance.choice((str.upper, str.lower, str.title, str.capitalize))(tail)
    return tail.replace("'", "’") if chance.random() < 0.5 else tail


def _slice(text: str, language: str, chance: random.Random) -> str:
    """Return a few words of content: what stands at the same places as tails, and is none."""
    if language in _UNSPACED:
        place = chance.randrange(max(1, len(text) - 4))
        return text[place : place + chance.randint(2, 12)].strip() or text[:4]
    words = text.split()
    place = 0 if chance.random() < 0.4 else chance.randrange(len(words))
    return " ".join(words[place : place + chance.randint(1, 6)])[: MAX_TAIL - 4]


def _mention(head: str, phrase: Phrase, other: str, chance: random.Random) -> tuple[str, int, int]:
    """Write content that holds a phrase as part of a sentence: with words after it, or a stop behind a single word."""
    tail = " ".join(phrase.text.split())
    end = chance.choice((" ", " ", ": ")) + " ".join(other.split()[: chance.randint(1, 4)])[:30]
    if " " not in tail and chance.random() < 0.5:
        end = "."
    joint = " " if end == "." else chance.choice((" ", ". ", " "))
    return head.rstrip(".…。") + joint + tail + end, chance.choice((UNKNOWN_LINK, NO_LINK)), -1


def _cut(example: Example, chance: random.Random) -> Example:
    """End a text earlier, as teasers do: every word may be the last of one."""
    text = _cut_text(example.text, example.language, chance)
    if chance.random() < 0.3:
        text += chance.choice(("…", "...", " …", " [...]", " ..."))
    return example._replace(text=text, link=UNKNOWN_LINK if example.link == UNKNOWN_LINK else NO_LINK, source=WRITTEN)


def _cut_text(text: str, language: str, chance: random.Random) -> str:
    if chance.random() < 0.4:
        return text
    place = chance.randint(len(text) // 3, len(text))
    place = place if language in _UNSPACED else text.rfind(" ", 0, place)
    return text[:place].rstrip() if place >= _SHORTEST else text


def is_real(example: Example) -> bool:
    """Tell blocks of pages from what was written for training."""
    return example.start < 0 and example.source not in (WRITTEN, "phrase")
