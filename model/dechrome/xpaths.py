"""Where blocks stand: the XPath of each block's element."""

from __future__ import annotations

from collections.abc import Sequence

from dechrome.blocks import Tree


def element_paths(tree: Tree, elements: Sequence[int]) -> list[str]:
    """Return the XPath of each of the elements; that of -1, which plain text has for all, is empty."""
    tags, parents, _ = tree
    known = {-1: ""}
    needed = {-1}
    for element in elements:
        while element not in needed:
            needed.add(element)
            element = parents[element]
    counts: dict[tuple[int, str], int] = {}
    for element, parent in enumerate(parents[: max(needed) + 1]):
        if parent in needed:
            place = parent, tags[element]
            counts[place] = number = counts.get(place, 0) + 1
            if element in needed:
                known[element] = f"{known[parent]}/{place[1]}[{number}]"
    return [known[element] for element in elements]
