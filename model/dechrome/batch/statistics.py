"""What a job counts: plain numbers that add up over chunks, and go through JSON and back."""

from __future__ import annotations

import heapq
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from typing import Any, Final, NamedTuple

from dechrome.batch.cleaning import Cleaned, Status
from dechrome.blocks import Kind
from dechrome.pages import Page

QUALITY_BINS: Final = 20
LISTED: Final = 10  # pages in a list of the slowest or the worst
SAMPLES: Final = 5  # texts shown of each kind that was removed
SAMPLE_CHARS: Final = 160
GUESS_CHARS: Final = 200  # that a language is guessed from
UNKNOWN: Final = "unknown"
_KINDS: Final = frozenset(kind.value for kind in Kind)


class Noted(NamedTuple):
    """A page on a list, by ``value``: CPU seconds, or quality."""

    value: float
    source: str
    offset: int
    id: str | None


class Sample(NamedTuple):
    """A text that was removed; ``rank`` orders samples by chance, but the same way every time."""

    rank: int
    text: str
    source: str
    offset: int


@dataclass
class Statistics:
    """Running totals. A class is a kind of chrome, or a label; characters are those of visible text.

    ``records`` counts by status and ``reasons`` says why records were dropped or passed. ``languages`` has the
    characters by guessed language and class, of as many pages as ``pages_by_language`` says: some are guessed only,
    since a guess takes as long as labelling ten lines. ``quality`` is a histogram of ``QUALITY_BINS`` equal bins over
    0 to 1.
    """

    records: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    blocks: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    characters_out: int = 0
    bytes_in: int = 0
    cpu_seconds: float = 0.0
    languages: dict[str, Counter[str]] = field(default_factory=dict)
    pages_by_language: Counter[str] = field(default_factory=Counter)
    quality: list[int] = field(default_factory=lambda: [0] * QUALITY_BINS)
    slowest: list[Noted] = field(default_factory=list)
    worst: list[Noted] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    @property
    def characters_in(self) -> int:
        """Characters of all blocks."""
        return self.characters.total()

    def add(self, cleaned: Cleaned, kept: frozenset[str], text: str | None = None, *, is_sampled: bool = False) -> None:
        """Count one record, of which ``kept`` labels remain; with its clean ``text``, under its language too.

        Of one that ``is_sampled``, the first text of each kind of chrome is kept, if its rank is among the lowest.
        """
        self.records[cleaned.status.value] += 1
        if cleaned.reason and cleaned.status is not Status.QUARANTINED:  # whose reasons are as many as the records
            self.reasons[_first_words(cleaned.reason)] += 1
        self.cpu_seconds += cleaned.seconds
        self.bytes_in += cleaned.size
        page = cleaned.page
        if page is None:
            return
        self.quality[min(QUALITY_BINS - 1, int(page.quality * QUALITY_BINS))] += 1
        self.problems.update(_first_words(problem) for problem in page.problems)
        self._note(cleaned, page)
        counts = page.count_classes()
        for name, count in counts.items():
            self.blocks[name] += count.blocks
            self.characters[name] += count.characters
        if text is not None:
            language = guess_language(text)
            self.pages_by_language[language] += 1
            by_language = self.languages.setdefault(language, Counter())
            by_language.update({name: count.characters for name, count in counts.items()})
        if cleaned.status is Status.KEPT:
            self.characters_out += sum(counts[name].characters for name in kept & counts.keys())
        if is_sampled:
            self._sample(cleaned, {name: count.first for name, count in counts.items() if name in _KINDS})

    def _note(self, cleaned: Cleaned, page: Page) -> None:
        """Put a page on the lists where it belongs there."""
        place = (cleaned.source, cleaned.offset, cleaned.id)
        seconds, quality = round(cleaned.seconds, 4), round(page.quality, 4)
        if len(self.slowest) < LISTED or seconds >= self.slowest[-1].value:
            self.slowest = _largest([*self.slowest, Noted(seconds, *place)])
        if len(self.worst) < LISTED or quality <= self.worst[-1].value:
            self.worst = _smallest([*self.worst, Noted(quality, *place)])

    def _sample(self, cleaned: Cleaned, texts: dict[str, str]) -> None:
        rank = rank_of(cleaned)
        for name, text in texts.items():
            sample = Sample(rank, text[:SAMPLE_CHARS], cleaned.source, cleaned.offset)
            self.samples[name] = _choose([*self.samples.get(name, []), sample])

    def merge(self, other: Statistics) -> None:
        """Add what another part of the job has counted."""
        for name in ("records", "reasons", "problems", "blocks", "characters", "pages_by_language"):
            getattr(self, name).update(getattr(other, name))
        self.characters_out += other.characters_out
        self.bytes_in += other.bytes_in
        self.cpu_seconds += other.cpu_seconds
        for language, counts in other.languages.items():
            self.languages.setdefault(language, Counter()).update(counts)
        self.quality = [ours + theirs for ours, theirs in zip(self.quality, other.quality, strict=True)]
        self.slowest = _largest(self.slowest + other.slowest)
        self.worst = _smallest(self.worst + other.worst)
        for name, samples in other.samples.items():
            self.samples[name] = _choose(self.samples.get(name, []) + samples)

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        return {part.name: getattr(self, part.name) for part in dataclass_fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Statistics:
        """Return what ``to_dict`` has written."""
        made = cls(**values)
        for name in ("records", "reasons", "problems", "blocks", "characters", "pages_by_language"):
            setattr(made, name, Counter(values[name]))
        made.languages = {language: Counter(counts) for language, counts in values["languages"].items()}
        made.slowest = [Noted(*row) for row in values["slowest"]]
        made.worst = [Noted(*row) for row in values["worst"]]
        made.samples = {name: [Sample(*row) for row in rows] for name, rows in values["samples"].items()}
        return made


def rank_of(cleaned: Cleaned) -> int:
    """Return a number that orders pages by chance, but the same way every time."""
    return zlib.crc32(f"{cleaned.source}\0{cleaned.offset}".encode("utf-8", "replace"))


def guess_language(text: str) -> str:
    """Return the ISO 639-1 code of a text's language, as py3langid guesses it; "unknown" where that is missing."""
    classify = _load_classifier()
    start = text[:GUESS_CHARS].strip()
    return classify(start) if classify and start else UNKNOWN


@lru_cache(maxsize=1)
def _load_classifier() -> Callable[[str], str] | None:
    try:
        import py3langid
    except ImportError:
        return None
    return lambda text: str(py3langid.classify(text)[0])


def _first_words(reason: str) -> str:
    """Return what a reason is about, without the numbers of the single case."""
    return "".join("#" if character.isdigit() else character for character in reason.partition(":")[0])[:80]


def _largest(noted: Iterable[Noted]) -> list[Noted]:
    return heapq.nsmallest(LISTED, noted, key=lambda page: (-page.value, page.source, page.offset))


def _smallest(noted: Iterable[Noted]) -> list[Noted]:
    return heapq.nsmallest(LISTED, noted, key=lambda page: (page.value, page.source, page.offset))


def _choose(samples: list[Sample]) -> list[Sample]:
    """Return the samples of lowest rank, each text once."""
    by_text = {sample.text: sample for sample in sorted(samples, reverse=True)}
    return sorted(by_text.values())[:SAMPLES]
