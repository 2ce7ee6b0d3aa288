"""Labelled blocks -> text, Markdown, HTML and JSON values."""

from dechrome.rendering.markdown import to_markdown
from dechrome.rendering.markup import to_html
from dechrome.rendering.plain import CONTENT_AND_IMAGES, CONTENT_ONLY, join_lines, to_record, to_text

__all__ = ["CONTENT_AND_IMAGES", "CONTENT_ONLY", "join_lines", "to_html", "to_markdown", "to_record", "to_text"]
