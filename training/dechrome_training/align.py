"""Gold -> a label per block of today's segmentation.

Gold is text, so that a better segmentation voids no annotation. Where it is the main content, the words of the blocks
are aligned with the words of the gold (longest common subsequence), and a block belongs to the content by the share of
its words that the alignment finds close together. Where it is labelled blocks, these are aligned with today's blocks:
whole blocks, then the words between, and a block takes the label that most of its characters had.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from rapidfuzz.distance import LCSseq

from dechrome.blocks import Kind, Label
from dechrome_training.corpus import GoldBlock

WORD: Final = re.compile(r"\w+")
MAX_CELLS: Final = 2_000_000_000  # words of the page times words of the gold: 250 MB of bits
# Words, but single characters of scripts that are written without spaces, and single signs.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE: Final = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|\S")
_MIN_CHARACTERS: Final = 0.5  # share of a block's characters that must be found again, close together


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


class BlockGold(NamedTuple):
    """What the gold says of one of today's blocks: label and kind, None where nothing is known.

    ``share`` is the share of its labelled characters that were content, nan where nothing is known.
    """

    label: Label | None
    kind: Kind | None
    share: float


def realign(texts: Sequence[str], gold: Sequence[GoldBlock]) -> list[BlockGold]:
    """Return, for each of today's blocks, what labelled blocks of another segmentation say of it.

    White space does not count. Blocks that were cut in two share their label, blocks that were joined take that of
    the longer part, text that the gold does not have is not known.

    >>> navigation = GoldBlock("Home About", Label.CHROME, Kind.NAVIGATION)
    >>> [found.label for found in realign(["Home", "About", "New"], [navigation])]
    [<Label.CHROME: 'chrome'>, <Label.CHROME: 'chrome'>, None]
    """
    return [_vote([gold[owner] for owner in found]) for found in _find_owners(texts, gold)]


def find_lost(texts: Sequence[str], gold: Sequence[GoldBlock]) -> list[GoldBlock]:
    """Return the labelled blocks of which nothing is found in today's blocks."""
    found = {owner for owners in _find_owners(texts, gold) for owner in owners}
    return [block for place, block in enumerate(gold) if block.label and block.text.strip() and place not in found]


def _find_owners(texts: Sequence[str], gold: Sequence[GoldBlock]) -> list[list[int]]:
    """Return, for each of today's blocks, the gold block of each of its matched characters."""
    old = [_squeeze(block.text) for block in gold]
    new = [_squeeze(text) for text in texts]
    if old == new:
        return [[place] for place in range(len(new))]
    owners: list[list[int]] = [[] for _ in new]
    if (joined := "".join(new)) == "".join(old):
        _pair(old, range(len(old)), new, range(len(new)), [(0, 0, len(joined))], owners)
        return owners
    for start, target, length in _equal_runs(new, old):
        for offset in range(length):
            owners[start + offset] = [target + offset] * max(1, len(new[start + offset]))
    pieces = [[_PIECE.findall(block.text) for block in gold], [_PIECE.findall(text) for text in texts]]
    for sources, places in list(_gaps(owners, len(old))):
        runs = _equal_pieces([pieces[1][place] for place in places], [pieces[0][source] for source in sources])
        _pair(old, sources, new, places, runs, owners)
    _pair_moved(old, new, owners)
    return owners


def _squeeze(text: str) -> str:
    return "".join(text.split())


def _equal_runs(left: Sequence[str], right: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return the runs of equal items in two sequences: place in the left, in the right, and length.

    Between two that are too long to be compared, only what they share at both ends.
    """
    shorter = min(len(left), len(right))
    head = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    tail = next((i for i in range(shorter - head) if left[-1 - i] != right[-1 - i]), shorter - head)
    first, second = left[head : len(left) - tail], right[head : len(right) - tail]
    runs = [(0, 0, head), (len(left) - tail, len(right) - tail, tail)]
    if len(first) * len(second) > MAX_CELLS:
        return runs
    numbers: dict[str, int] = {}
    numbered = ([numbers.setdefault(item, len(numbers)) for item in items] for items in (first, second))
    for code in LCSseq.opcodes(*numbered):
        if code.tag == "equal":
            runs.append((head + code.src_start, head + code.dest_start, code.src_end - code.src_start))
    return runs


def _equal_pieces(left: Sequence[Sequence[str]], right: Sequence[Sequence[str]]) -> list[tuple[int, int, int]]:
    """Return the runs of equal words in two runs of blocks, places and lengths in characters without white space."""
    first, second = ([piece for block in blocks for piece in block] for blocks in (left, right))
    starts, targets = (list(accumulate(map(len, pieces), initial=0)) for pieces in (first, second))
    return [
        (starts[start], targets[target], starts[start + length] - starts[start])
        for start, target, length in _equal_runs(first, second)
    ]


def _gaps(owners: Sequence[Sequence[int]], count: int) -> Iterator[tuple[range, range]]:
    """Yield the runs of old and new blocks that face each other between matched ones."""
    start, source = 0, 0
    for place in range(len(owners) + 1):
        if place < len(owners) and not owners[place]:
            continue
        end = owners[place][0] if place < len(owners) else count
        if place > start and end > source:
            yield range(source, end), range(start, place)
        start, source = place + 1, end + 1


def _pair_moved(old: Sequence[str], new: Sequence[str], owners: list[list[int]]) -> None:
    """Pair what is left where it is the same, in any order."""
    used = {owner for found in owners for owner in found}
    waiting: dict[str, list[int]] = {}
    for source, text in enumerate(old):
        if source not in used:
            waiting.setdefault(text, []).append(source)
    for place, text in enumerate(new):
        if not owners[place] and waiting.get(text):
            owners[place] = [waiting[text].pop(0)] * max(1, len(text))


def _pair(
    old: Sequence[str], sources: Sequence[int], new: Sequence[str], places: Sequence[int],
    runs: Sequence[tuple[int, int, int]], owners: list[list[int]],
) -> None:  # fmt: skip
    """Note the gold block of every matched character; ``runs`` are (place in new, place in old, length)."""
    spots = {start + i: target + i for start, target, length in runs for i in range(length)}
    owner_of = [source for source in sources for _ in old[source]]
    start = 0
    for place in places:
        end = start + len(new[place])
        found = [spots[i] for i in range(start, end) if i in spots]
        if found and len(found) >= _MIN_CHARACTERS * max(end - start, found[-1] - found[0] + 1):
            owners[place] = [owner_of[spot] for spot in found]
        start = end


def _vote(gold: Sequence[GoldBlock]) -> BlockGold:
    """Return the label, and among its blocks the kind, of most characters."""
    counts = Counter((block.label, block.kind) for block in gold)
    labels: Counter[Label | None] = Counter()
    for (label, _), count in counts.items():
        labels[label] += count
    label = max(labels, key=lambda name: labels[name]) if labels else None
    if label is None:
        return BlockGold(None, None, float("nan"))
    kinds = {kind: count for (name, kind), count in counts.items() if name is label}
    share = labels[Label.CONTENT] / (labels.total() - labels[None])
    return BlockGold(label, max(kinds, key=lambda name: kinds[name]), share)


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
