"""The labelled page: what every ``label_*`` function returns."""

from __future__ import annotations

from dataclasses import dataclass, field

from dechrome import rendering
from dechrome.blocks import LabelledBlock


@dataclass(frozen=True, slots=True)
class Page:
    """A labelled page.

    ``quality`` is the expected word F1 of ``text`` against what a person would keep, 0..1.
    ``problems`` says in words what went wrong while reading the page; it is empty for a sound one.
    ``source_text`` is the input, if that was plain text: the offsets of the blocks refer to it.
    """

    blocks: tuple[LabelledBlock, ...] = ()
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
        return rendering.to_text(self.blocks, self.source_text, keep)

    def to_markdown(self, *, images: bool = False) -> str:
        """Return the content (with ``images``, the image placeholders too) as Markdown: CommonMark with tables."""
        return rendering.to_markdown(self.blocks, self.source_text, images=images)

    def to_html(self, *, images: bool = False) -> str:
        """Return the content as a fragment of plain, safe HTML: no scripts, no styles, no attributes but ``href``."""
        return rendering.to_html(self.blocks, self.source_text, images=images)

    def to_dict(self) -> dict[str, object]:
        """Return the page and its blocks as values that JSON can hold."""
        return {
            "url": self.url,
            "title": self.title,
            "quality": round(self.quality, 4),
            "problems": list(self.problems),
            "text": self.text,
            "blocks": [rendering.to_record(block) for block in self.blocks],
        }
