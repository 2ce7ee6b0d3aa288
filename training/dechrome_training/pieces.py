"""Pieces of annotated pages: a few neighbouring blocks, with the elements around them and nothing else.

Whole pages have hundreds of blocks, while feeds, clippings and small sites have a handful, and what a model knows of a
page as a whole is different there.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dechrome.blocks import Document, Tree

_BESIDE: Final = (1, 1, 2, 3, 6)  # blocks on either side of a place where content begins or ends
_ANYWHERE: Final = 0.25  # of the pieces: cut out wherever
_ALONE: Final = 0.15  # of the pieces: one block of content by itself
_CLEAR: Final = 0.1  # share of a block's words that may belong to the other side


def choose_pieces(shares: Sequence[float], count: int, chance: random.Random) -> list[tuple[int, int]]:
    """Choose up to ``count`` runs of blocks (first, and behind the last) in which every block is clearly on one side.

    ``shares`` is the share of each block's words that is content, nan where it is not known.
    """
    sides = [share >= 0.5 if share <= _CLEAR or share >= 1 - _CLEAR else None for share in shares]
    edges = [
        place
        for place in range(1, len(sides))
        if None not in sides[place - 1 : place + 1] and sides[place] != sides[place - 1]
    ]
    content = [place for place, side in enumerate(sides) if side]
    pieces = []
    for _ in range(count if sides else 0):
        if content and chance.random() < _ALONE:
            place = chance.choice(content)
            pieces.append((place, place + 1))
            continue
        place = chance.choice(edges) if edges and chance.random() >= _ANYWHERE else chance.randrange(len(sides))
        start, end = max(0, place - chance.choice(_BESIDE)), min(len(sides), place + chance.choice(_BESIDE))
        if None not in sides[start:end]:
            pieces.append((start, end))
    return pieces


def cut_out(document: Document, start: int, end: int) -> Document:
    """Return the blocks from ``start`` to ``end`` as an HTML page of their own, with the elements around them."""
    blocks, tree = document.blocks[start:end], document.tree
    used = set()
    for block in blocks:
        element = block.element
        while element >= 0 and element not in used:
            used.add(element)
            element = tree.parents[element]
    kept = sorted(used)
    numbers = {element: number for number, element in enumerate(kept)} | {-1: -1}
    smaller = Tree(
        [tree.tags[element] for element in kept],
        [numbers[tree.parents[element]] for element in kept],
        [tree.cues[element] for element in kept],
    )
    return replace(document, blocks=[block._replace(element=numbers[block.element]) for block in blocks], tree=smaller)
