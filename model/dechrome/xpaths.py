"""Where blocks stand: the XPath of each block's element."""

from __future__ import annotations

from dechrome.blocks import Document


def element_paths(document: Document) -> list[str]:
    """Return the XPath of every block's element, empty for plain text."""
    tags, parents, _ = document.tree
    numbers: list[int] = []  # of each element among its siblings of the same name
    counts: dict[tuple[int, str], int] = {}
    for place in zip(parents, tags, strict=True):
        counts[place] = number = counts.get(place, 0) + 1
        numbers.append(number)
    known: list[str | None] = [None] * len(tags) + [""]  # the last is what is around the root, index -1
    paths: list[str] = []
    for block in document.blocks:
        element = block.element
        missing = []
        while (path := known[element]) is None:
            missing.append(element)
            element = parents[element]
        while missing:
            element = missing.pop()
            path = known[element] = f"{path}/{tags[element]}[{numbers[element]}]"
        paths.append(path)
    return paths
