"""Labelled blocks -> plain text and JSON values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.blocks import Document, Label, LabelledBlock
from dechrome.rendering.structure import Form, Part, arrange, find_loose_lists, is_tight, table_rows

CONTENT_ONLY: Final = frozenset((Label.CONTENT,))
CONTENT_AND_IMAGES: Final = frozenset((Label.CONTENT, Label.IMAGE))
DIGITS: Final = 4  # of probabilities in JSON

_WHITE_SPACE: Final = re.compile(r"\s+")


def to_text(
    blocks: Sequence[LabelledBlock], source_text: str | None = None, keep: frozenset[Label] = CONTENT_ONLY
) -> str:
    r"""Join the blocks whose label is in ``keep``.

    With ``source_text`` (plain text, to which the blocks' offsets refer) they are joined as they stood: where
    blocks are left out, by the run of white space there that has the most line ends. Without it (HTML), paragraphs
    are parted by a blank line, the items of a list by a line end, the cells of a table by a tab.

    >>> text = "A fox.\n\nfox.jpg\nIt ran."
    >>> labels = [Label.CONTENT, Label.IMAGE, Label.CONTENT]
    >>> offsets = [(0, 6), (8, 15), (16, 23)]
    >>> blocks = [LabelledBlock(text[i:j], label, start=i, end=j) for label, (i, j) in zip(labels, offsets)]
    >>> to_text(blocks, text)
    'A fox.\n\nIt ran.'
    """
    kept = select(blocks, keep)
    return _join_parts(kept) if source_text is None else _join_as_before(kept, source_text)


def join_lines(document: Document, kept: NDArray[np.bool_]) -> str:
    """Join the blocks of plain text that are kept, as ``to_text`` joins labelled ones: lines side by side in one go."""
    blocks, source_text = document.blocks, document.source_text or ""
    edges = np.flatnonzero(np.diff(kept, prepend=False, append=False)).tolist()
    pieces: list[str] = []
    end = 0
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        start = blocks[first].start
        if pieces:
            pieces.append(_separator(source_text[end:start]))
        end = blocks[stop - 1].end
        pieces.append(source_text[start:end])
    return "".join(pieces)


def to_record(block: LabelledBlock) -> dict[str, object]:
    """Return a block as values that JSON can hold, without the fields that say nothing about it."""
    record: dict[str, object] = {"text": block.text, "label": block.label.value}
    if block.kind is not None:
        record["kind"] = block.kind.value
    record["confidence"] = round(float(block.confidence), DIGITS)
    if block.kind_confidence is not None:
        record["kind_confidence"] = round(float(block.kind_confidence), DIGITS)
    if block.probabilities:
        record["probabilities"] = {
            label.value: round(float(value), DIGITS) for label, value in block.probabilities.items()
        }
    if block.path:
        record["path"] = block.path
    if block.end:
        record["start"], record["end"] = block.start, block.end
    return record


def select(blocks: Sequence[LabelledBlock], keep: frozenset[Label]) -> list[LabelledBlock]:
    """Return the blocks whose label is in ``keep``."""
    return [block for block in blocks if block.label in keep]


def split_paragraphs(blocks: Sequence[LabelledBlock], source_text: str, keep: frozenset[Label]) -> list[str]:
    """Return the paragraphs of plain text: what blank lines part, or every line where there is no blank line."""
    lines = to_text(blocks, source_text, keep).splitlines()
    if all(line.strip() for line in lines):
        return lines
    paragraphs: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            paragraphs[-1].append(line)
        elif paragraphs[-1]:
            paragraphs.append([])
    return ["\n".join(paragraph) for paragraph in paragraphs if paragraph]


def _join_as_before(kept: Sequence[LabelledBlock], source_text: str) -> str:
    pieces: list[str] = []
    end = 0
    for block in kept:
        if pieces:
            pieces.append(_separator(source_text[end : block.start]))
        pieces.append(block.text)
        end = block.end
    return "".join(pieces)


def _separator(between: str) -> str:
    """Return the run of white space with the most line ends; of equals the last, since it indents what follows."""
    if between.isspace():
        return between
    runs = _WHITE_SPACE.findall(between)
    return max(reversed(runs), key=_count_line_ends, default="")


def _count_line_ends(white_space: str) -> int:
    return len((white_space + ".").splitlines()) - 1


def _join_parts(kept: Sequence[LabelledBlock]) -> str:
    parts = arrange(kept)
    loose_lists = find_loose_lists(parts)
    pieces: list[str] = []
    for index, part in enumerate(parts):
        if index:
            pieces.append("\n" if is_tight(parts[index - 1], part, loose_lists) else "\n\n")
        pieces.append(_part_text(part))
    return "".join(pieces)


def _part_text(part: Part) -> str:
    if part.form is not Form.TABLE:
        return "\n".join([block.text for block in part.blocks])
    lines = []
    for row in table_rows(part):
        cells = [""] * (row[-1].column + 1)
        for cell in row:
            cells[cell.column] = " ".join([block.text for block in cell.blocks]).replace("\n", " ")
        lines.append("\t".join(cells))
    return "\n".join(lines)
