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
    known: dict[int, str] = {-1: ""}
    for block in document.blocks:
        missing = []
        element = block.element
        while element not in known:
            missing.append(element)
            element = parents[element]
        path = known[element]
        for element in reversed(missing):
            path = known[element] = f"{path}/{tags[element]}[{numbers[element]}]"
    return [known[block.element] for block in document.blocks]
