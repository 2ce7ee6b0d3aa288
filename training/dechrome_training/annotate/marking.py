"""The page as it looked, with its blocks marked: HTML that is safe to show, and shows labels without scripts.

The tree is written anew from what is allowed: known tags, harmless attributes, the page's own style sheets. Nothing
that runs, loads, submits or leads elsewhere is among it. Each run of a block's text is a link of ours.
"""

from __future__ import annotations

import html as html_module
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from selectolax.lexbor import LexborHTMLParser, SelectolaxError

from dechrome.blocks import Label, LabelledBlock
from dechrome.bounds import check_bounds
from dechrome.segmenting import INLINE_TAGS, INVISIBLE_TAGS, Node, PastBoundsError, cut_blocks

LETTERS: Final = {Label.CONTENT: "C", Label.IMAGE: "I", Label.CHROME: "X"}

_KEPT_TAGS: Final = frozenset(
    "html head body div span p h1 h2 h3 h4 h5 h6 ul ol li dl dt dd menu dir table caption colgroup col thead tbody"
    " tfoot tr td th blockquote pre b strong i em u s strike small big sub sup code kbd samp var tt cite q abbr dfn"
    " mark del ins hr br wbr center font nobr address article aside footer header hgroup main nav section figure"
    " figcaption details summary dialog fieldset legend label ruby rb rt rp rtc bdi bdo time img".split()
)
_DROPPED_TAGS: Final = INVISIBLE_TAGS | {"input", "source", "track", "param", "area"}
_FOLDING_TAGS: Final = frozenset(("dialog", "details", "summary"))
_PREFORMATTED: Final = frozenset("textarea listing xmp plaintext".split())
_FOREIGN: Final = frozenset(("svg", "math"))  # drawn without their sizes they would fill the page: their text stays
_FOREIGN_END: Final = "</span >"  # of an svg or math element; told from other spans
_VOID_TAGS: Final = frozenset("br hr img col wbr".split())
_KEPT_ATTRIBUTES: Final = frozenset(
    "class id style dir lang title alt width height colspan rowspan span align valign bgcolor color text face size"
    " border cellpadding cellspacing nowrap start reversed type value open hidden".split()
)
_OWN: Final = "dechrome-"  # no name of the page's starts like this

_BLOCK_STYLE: Final = """
a[data-dechrome], a[data-dechrome]:visited { color: inherit !important; text-decoration: none !important;
  cursor: pointer !important; border-radius: 2px }
span[id^=dechrome-] { scroll-margin: 30vh 100vw }
a[data-dechrome=C] { background: #0b6b4526 !important; box-shadow: 0 2px #0b6b45 !important }
a[data-dechrome=I] { background: #3b4fb826 !important; box-shadow: 0 2px #3b4fb8, 0 -2px #3b4fb8 !important }
a[data-dechrome=X] { background: #9a3b121a !important; outline: 1px dashed #9a3b1299 !important }
span[id^=dechrome-] + a[data-dechrome]::before { content: attr(data-dechrome) !important;
  font: 700 10px/1 system-ui, sans-serif !important;
  color: #fff !important; background: #9a3b12; padding: 1px 3px; margin-inline-end: 3px; border-radius: 2px;
  vertical-align: middle; letter-spacing: 0; text-transform: none }
span[id^=dechrome-] + a[data-dechrome=C]::before { background: #0b6b45 }
span[id^=dechrome-] + a[data-dechrome=I]::before { background: #3b4fb8 }
span[id^=dechrome-]:target + a[data-dechrome] { outline: 3px solid #1f5fd0 !important; outline-offset: 2px !important }
[data-dechrome-was=a] { text-decoration: underline }
[data-dechrome-was=button] { border: 1px solid #888; border-radius: 3px; padding: 1px 6px; display: inline-block }
img:not([src]) { min-width: 2em; min-height: 1em; outline: 1px dotted #888; font-size: 12px; color: #555 }
"""
_PLAIN_STYLE: Final = """
body { margin: 1rem; font: 15px/1.5 system-ui, sans-serif; color: #1c2024; background: #fff; overflow-wrap: anywhere }
pre { white-space: pre-wrap; font: inherit; margin: 0 }
"""


def mark_html(html: str, labels: Sequence[Label], *, styled: bool = True) -> str:
    """Return a page that looks like ``html`` and shows the labels of its blocks; links lead to ``pick/<block>``.

    ``styled`` keeps the page's own style sheets and style attributes; without them, what they hide is shown.

    Raises:
        ValueError: the page is past the parser's bounds (``mark_blocks`` shows it), or ``labels`` are of other blocks.
    """
    if reason := check_bounds(html):
        raise ValueError(reason)
    owners: dict[int, int] = {}  # text node -> block

    def note_text(node: Node, block: int) -> None:
        owners[node.mem_id] = block  # type: ignore[attr-defined]

    try:
        parser = LexborHTMLParser(html.encode("utf-8", "replace"))
        document = cut_blocks(parser.root, None, note_text)
    except (SelectolaxError, PastBoundsError) as error:
        raise ValueError(str(error)) from error
    if len(document.blocks) != len(labels):
        raise ValueError(f"{len(document.blocks)} blocks, but {len(labels)} labels")
    return "<!DOCTYPE html>" + "".join(_write_tree(parser.root, owners, labels, styled))


def mark_text(text: str, blocks: Sequence[LabelledBlock], labels: Sequence[Label]) -> str:
    """Return a page that shows a plain text as it stood, with the labels of its blocks."""
    pieces = []
    position = 0
    for index, (block, label) in enumerate(zip(blocks, labels, strict=True)):
        pieces.append(_escape(text[position : block.start]))
        pieces.append(_run(text[block.start : block.end], index, label, is_first=True))
        position = block.end
    return _plain_page(f"<pre>{''.join(pieces)}{_escape(text[position:])}</pre>")


def mark_blocks(blocks: Sequence[LabelledBlock], labels: Sequence[Label]) -> str:
    """Return a page that shows the blocks one below the other, with their labels."""
    runs = [
        _run(block.text, i, label, is_first=True) for i, (block, label) in enumerate(zip(blocks, labels, strict=True))
    ]
    return _plain_page("".join(f"<p>{run}</p>\n" for run in runs))


def _plain_page(body: str) -> str:
    return f"<!DOCTYPE html><html><head><style>{_PLAIN_STYLE}{_BLOCK_STYLE}</style></head><body>{body}</body></html>"


def _write_tree(root: Node | None, owners: Mapping[int, int], labels: Sequence[Label], styled: bool) -> Iterator[str]:
    """Yield the tree as HTML; an explicit stack, since pages may be nested 512 levels deep."""
    node = root
    open_tags: list[tuple[str, Node | None]] = []  # what is written at the end, and what comes after
    foreign = 0
    shown: set[int] = set()
    while node is not None or open_tags:
        if node is None:
            end, node = open_tags.pop()
            foreign -= end == _FOREIGN_END
            yield end
        elif (text := node.text_content) is not None:
            owner = owners.get(node.mem_id)  # type: ignore[attr-defined]
            if owner is None:
                yield _escape(text)
            else:
                yield _run(text, owner, labels[owner], is_first=owner not in shown)
                shown.add(owner)
            node = node.next
        else:
            tag = node.tag or ""
            if tag == "style" and styled and not foreign:
                yield _style(node.text())
            if not tag or tag[0] in "-!" or tag in _DROPPED_TAGS:
                node = node.next
                continue
            start, end = _tags(tag, node.attributes, styled=styled, foreign=foreign > 0)
            yield start
            child = node.first_child
            if not end:
                node = node.next
            else:
                foreign += end == _FOREIGN_END
                open_tags.append((end, node.next))
                node = child


def _tags(tag: str, attributes: Mapping[str, str | None], *, styled: bool, foreign: bool) -> tuple[str, str]:
    """Return the start and the end tag of an element as it may be shown."""
    if tag in _FOREIGN:
        return "<span>", _FOREIGN_END
    if foreign:
        return "<span>", "</span>"
    name, was = tag, ""
    if tag in _PREFORMATTED:
        name = "pre"
    elif tag not in _KEPT_TAGS:
        name = "span" if tag in INLINE_TAGS or tag == "button" else "div"
        was = f' data-dechrome-was="{tag}"' if tag in ("a", "button") else ""
    if not styled and tag in _FOLDING_TAGS:
        name = "div"
    left_out = () if styled else ("style", "hidden")
    kept = "".join(_attribute(tag, key, value or "") for key, value in attributes.items() if key not in left_out)
    if name == "head":
        return f"<head{kept}>", f"<style>{'' if styled else _PLAIN_STYLE}{_BLOCK_STYLE}</style></head>"
    return f"<{name}{was}{kept}>", "" if name in _VOID_TAGS else f"</{name}>"


def _attribute(tag: str, name: str, value: str) -> str:
    if name == "src":
        allowed = tag == "img" and value.strip().lower().startswith("data:image/")
    else:
        allowed = name in _KEPT_ATTRIBUTES and not (name == "id" and value.startswith(_OWN))
    return f' {name}="{_escape(value)}"' if allowed else ""


def _style(css: str) -> str:
    """Return a style sheet of the page; it loads nothing, which the answer's security policy sees to."""
    return "" if "</style" in css.lower() else f"<style>{css}</style>"


def _run(text: str, index: int, label: Label, *, is_first: bool) -> str:
    # The place that the list points at is no link: a browser would focus that, and take the keyboard from the list.
    place = f'<span id="{_OWN}{index}"></span>' if is_first else ""
    return f'{place}<a data-dechrome="{LETTERS[label]}" href="pick/{index}" tabindex="-1">{_escape(text)}</a>'


def _escape(text: str) -> str:
    return html_module.escape(text.replace("\0", ""))
