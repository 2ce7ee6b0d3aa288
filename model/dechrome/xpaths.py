"""Where blocks stand: the XPath of each block's element."""

from __future__ import annotations

from collections.abc import Sequence

from dechrome.blocks import Tree


def element_paths(tree: Tree, elements: Sequence[int]) -> list[str]:
    """Return the XPath of each of the elements; that of -1, which plain text has for all, is empty."""
    tags, parents, _ = tree
    numbers: list[int] = []  # of each element among its siblings of the same name
    counts: dict[tuple[int, str], int] = {}
    for place in zip(parents, tags, strict=True):
        counts[place] = number = counts.get(place, 0) + 1
        numbers.append(number)
    known: list[str | None] = [None] * len(tags) + [""]  # the last is what is around the root, index -1
    paths: list[str] = []
    for element in elements:
        missing = []
        while (path := known[element]) is None:
            missing.append(element)
            element = parents[element]
        while missing:
            element = missing.pop()
            path = known[element] = f"{path}/{tags[element]}[{numbers[element]}]"
        paths.append(path)
    return paths
