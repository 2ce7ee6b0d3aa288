"""Gold text -> a label per block.

Gold is text, so that a better segmentation voids no annotation: the words of the blocks are aligned with the words
of the gold (longest common subsequence), and a block belongs to the content by the share of its words that the
alignment finds close together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rapidfuzz.distance import LCSseq

WORD: Final = re.compile(r"\w+")
MAX_CELLS: Final = 2_000_000_000  # words of the page times words of the gold: 250 MB of bits


def words_of(text: str) -> list[str]:
    r"""Return the words of a text as the field's benchmarks count them: runs of ``\w``, lower case."""
    return WORD.findall(text.lower())


def content_shares(texts: Sequence[str], gold: str) -> list[float]:
    """Return, for each block, the share of its words that belongs to the gold text, 0..1.

    A block without words gets the share of the block before it, if the block after agrees.
    """
    words, owners = _number(texts)
    target = words_of(gold)
    positions = _match(words, target)
    used = set(positions.values())
    shares = []
    start = 0
    for text_index in range(len(texts)):
        end = start
        while end < len(owners) and owners[end] == text_index:
            end += 1
        shares.append(_share(words[start:end], [positions[i] for i in range(start, end) if i in positions]))
        start = end
    _rescue(texts, shares, target, used)
    return _fill_wordless(texts, shares)


def _number(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    words: list[str] = []
    owners: list[int] = []
    for index, text in enumerate(texts):
        found = words_of(text)
        words += found
        owners += [index] * len(found)
    return words, owners


def _match(words: Sequence[str], target: Sequence[str]) -> dict[int, int]:
    """Align two word sequences; returns the place in ``target`` of every matched word."""
    if not words or not target or len(words) * len(target) > MAX_CELLS:
        return {}
    numbers: dict[str, int] = {}
    left = [numbers.setdefault(word, len(numbers)) for word in words]
    right = [numbers.setdefault(word, len(numbers)) for word in target]
    positions: dict[int, int] = {}
    for code in LCSseq.opcodes(left, right):
        if code.tag == "equal":
            for offset in range(code.src_end - code.src_start):
                positions[code.src_start + offset] = code.dest_start + offset
    return positions


def _share(words: Sequence[str], places: Sequence[int]) -> float:
    """Share of matched words, nothing where the matches lie scattered in the gold (chance matches)."""
    if not words or not places:
        return 0.0
    share = len(places) / len(words)
    scatter = len(places) / (places[-1] - places[0] + 1)
    return share if scatter >= 0.5 else share * scatter


def _rescue(texts: Sequence[str], shares: list[float], target: Sequence[str], used: set[int]) -> None:
    """Give back blocks that stand in the gold word for word at a place that no block has taken (another order)."""
    joined = f" {' '.join(target)} "
    starts: dict[int, int] = {}
    offset = 1
    for index, word in enumerate(target):
        starts[offset] = index
        offset += len(word) + 1
    for index, text in enumerate(texts):
        if shares[index] >= 0.5:
            continue
        words = words_of(text)
        if len(words) < 4:
            continue
        place = joined.find(f" {' '.join(words)} ")
        first = starts.get(place + 1)
        if place < 0 or first is None:
            continue
        spots = range(first, first + len(words))
        if sum(spot in used for spot in spots) <= len(words) // 2:
            shares[index] = 1.0
            used.update(spots)


def _fill_wordless(texts: Sequence[str], shares: list[float]) -> list[float]:
    before = 0.0
    for index, text in enumerate(texts):
        if WORD.search(text):
            before = shares[index]
        else:
            after = next((shares[i] for i in range(index + 1, len(texts)) if WORD.search(texts[i])), 0.0)
            shares[index] = min(before, after)
    return shares
