"""The labelled page: what every ``label_*`` function returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from dechrome import rendering
from dechrome.blocks import Label, LabelledBlock
from dechrome.verdicts import ClassCount, Verdict, count_classes, find_kept, make_blocks


@dataclass(frozen=True)
class Page:
    """A labelled page.

    ``quality`` is the expected word F1 of ``text`` against what a person would keep, 0..1.
    ``problems`` says in words what went wrong while reading the page; it is empty for a sound one.
    ``source_text`` is the input, if that was plain text: the offsets of the blocks refer to it.

    The blocks of a page that was just labelled are made when somebody first looks at ``blocks``. Until then it holds
    what they are made of, about half a megabyte; to make the text takes no more than the blocks in it.
    """

    blocks: tuple[LabelledBlock, ...] = field(default_factory=tuple)
    title: str = ""
    url: str | None = None
    quality: float = 0.0
    problems: tuple[str, ...] = ()
    source_text: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """What remains: the content blocks, joined as they stood."""
        return self.to_text()

    def to_text(self, *, images: bool = False) -> str:
        """Return the content (with ``images``, the image placeholders too), joined as it stood."""
        keep = rendering.CONTENT_AND_IMAGES if images else rendering.CONTENT_ONLY
        verdict = vars(self).get("_verdict")
        if verdict is not None and self.source_text is not None:
            return rendering.join_lines(verdict.document, find_kept(verdict, keep))
        return rendering.to_text(self._select(keep), self.source_text, keep)

    def to_markdown(self, *, images: bool = False) -> str:
        """Return the content (with ``images``, the image placeholders too) as Markdown: CommonMark with tables."""
        keep = rendering.CONTENT_AND_IMAGES if images else rendering.CONTENT_ONLY
        return rendering.to_markdown(self._select(keep), self.source_text, images=images)

    def to_html(self, *, images: bool = False) -> str:
        """Return the content as a fragment of plain, safe HTML: no scripts, no styles, no attributes but ``href``."""
        keep = rendering.CONTENT_AND_IMAGES if images else rendering.CONTENT_ONLY
        return rendering.to_html(self._select(keep), self.source_text, images=images)

    def to_dict(self) -> dict[str, object]:
        """Return the page and its blocks as values that JSON can hold."""
        blocks = [rendering.to_record(block) for block in self.blocks]
        return {
            "url": self.url,
            "title": self.title,
            "quality": round(self.quality, 4),
            "problems": list(self.problems),
            "text": self.text,
            "blocks": blocks,
        }

    def count_classes(self) -> dict[str, ClassCount]:
        """Count the blocks of each class: the labels content and image, and the kinds of chrome."""
        verdict = vars(self).get("_verdict")
        if verdict is not None:
            return count_classes(verdict)
        counts: dict[str, ClassCount] = {}
        for block in self.blocks:
            name = block.kind.value if block.kind else block.label.value
            blocks, characters, first = counts.get(name, (0, 0, block.text))
            counts[name] = ClassCount(blocks + 1, characters + len(block.text), first)
        return counts

    def _select(self, keep: frozenset[Label]) -> Sequence[LabelledBlock]:
        """Return the blocks whose label is in ``keep``, and others if these are made already."""
        verdict = vars(self).get("_verdict")
        return self.blocks if verdict is None else make_blocks(verdict, keep)

    if not TYPE_CHECKING:  # a type checker would allow any name

        def __getattr__(self, name: str) -> object:
            """Make the blocks, the only field that may not be there yet."""
            verdict = vars(self).get("_verdict")
            if name != "blocks" or verdict is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            blocks = vars(self).setdefault("blocks", tuple(make_blocks(verdict, frozenset(Label))))
            vars(self).pop("_verdict", None)
            return blocks

    def __getstate__(self) -> dict[str, object]:
        """Return what is pickled and copied: the blocks, never what they are made of."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def page_of(verdict: Verdict, quality: float) -> Page:
    """Return a page whose blocks are made later, from ``verdict``."""
    document = verdict.document
    page = Page((), document.title, document.url, quality, document.problems, document.source_text)
    del vars(page)["blocks"]
    vars(page)["_verdict"] = verdict
    return page
