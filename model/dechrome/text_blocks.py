"""Plain text -> blocks: one per line that is not blank."""

from __future__ import annotations

from functools import partial
from typing import Final

from dechrome.blocks import Block, Document

MAX_BLOCKS: Final = 100_000  # of one text; past that, lines are taken together, so that the answer stays in seconds


def split_text(text: str, url: str | None = None) -> Document:
    r"""Cut plain text into blocks, with their offsets.

    ``breaks`` of a block counts the line ends between it and the block before.

    >>> [(block.text, block.start, block.end) for block in split_text("Accept all\n\n  A fox ran. ").blocks]
    [('Accept all', 0, 10), ('A fox ran.', 14, 24)]
    """
    lines = text.splitlines(keepends=True)
    problems: tuple[str, ...] = ()
    if len(lines) > MAX_BLOCKS:
        size = -(-len(lines) // MAX_BLOCKS)
        problems = (f"{len(lines)} lines: taken together by {size}",)
        lines = ["".join(lines[place : place + size]) for place in range(0, len(lines), size)]
    blocks: list[Block] = []
    make_block = partial(tuple.__new__, Block)  # half the time of a call by keyword or place
    breaks = position = 0
    for line in lines:
        stripped = line.strip()
        if stripped:
            start = position + line.index(stripped[0])
            blocks.append(make_block((stripped, -1, 0, 0, 0, 0, breaks, False, start, start + len(stripped), ())))
            breaks = 0
        breaks += 1
        position += len(line)
    return Document(blocks, source_text=text, url=url, problems=problems)
