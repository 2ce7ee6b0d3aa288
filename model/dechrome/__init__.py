"""dechrome: label every block of a web page, or of scraped text, as content, image placeholder or chrome."""

from dechrome.artefact import Model
from dechrome.blocks import Kind, Label, LabelledBlock
from dechrome.errors import DechromeError, InputError, ModelError
from dechrome.labelling import (
    Source,
    clean_html,
    clean_text,
    label_html,
    label_pages,
    label_text,
    label_tree,
    load_model,
    strip_tree,
)
from dechrome.pages import Page

__all__ = [
    "DechromeError",
    "InputError",
    "Kind",
    "Label",
    "LabelledBlock",
    "Model",
    "ModelError",
    "Page",
    "Source",
    "clean_html",
    "clean_text",
    "label_html",
    "label_pages",
    "label_text",
    "label_tree",
    "load_model",
    "strip_tree",
]
