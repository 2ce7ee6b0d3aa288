"""Where blocks stand: the XPath of each block's element."""

from __future__ import annotations

from dechrome.blocks import Document


def element_paths(document: Document) -> list[str]:
    """Return the XPath of every block's element, empty for plain text."""
    tags, parents, _ = document.tree
    steps: list[str] = []
    counts: dict[tuple[int, str], int] = {}
    for place in zip(parents, tags, strict=True):
        number = counts[place] = counts.get(place, 0) + 1
        steps.append(f"/{place[1]}[{number}]")
    known: dict[int, str] = {-1: ""}
    for block in document.blocks:
        if block.element not in known:
            missing = []
            element = block.element
            while element not in known:
                missing.append(element)
                element = parents[element]
            path = known[element]
            for step in reversed(missing):
                path = known[step] = path + steps[step]
    return [known[block.element] for block in document.blocks]
