"""A linear look at the raw page: what the parser or our walk could not do in linear time is read as flat text.

Measured with lexbor (selectolax 1.0): quadratic time for deep nesting (32,000 <div>: 2 s), distinct attributes on one
tag (32,000: 2.3 s) and options in a select (32,000: 5 to 20 s); quadratic *memory* for unclosed formatting elements,
which every paragraph opens again (2,000 ``<p><b id=…>``: 730 MB; 8,000: over 6 GB). Tables, forms, foster parenting,
comments, entities, long lines and long values are linear.
"""

from __future__ import annotations

import html as html_module
import re
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dechrome.segmenting import INLINE_TAGS

# The largest of 7,288 real pages have 5.0 M characters, 21,646 '<', 66 levels and 1,908 options.
MAX_LENGTH: Final = 10_000_000  # characters: bounds memory
MAX_TAGS: Final = 200_000  # about 1 s of parsing and walking
MAX_COMPARED: Final = 200_000_000  # squares of the attribute counts of long tags, summed: 0.5 s. Real tags reach 574
MAX_OPTIONS: Final = 4_000  # 0.4 s in lexbor when all are selected
MAX_REOPENED: Final = 500_000  # formatting elements that the parser would open again: 180 MB
MAX_STEPS: Final = 200_000_000  # of the parser up its stack of open elements: 0.8 s

_SCANNED_LENGTH: Final = 3_000_000  # longer pages, and those with more tags, get the exact scan
_SCANNED_TAGS: Final = 20_000
_SCANNED_ROOTS: Final = 16
_LONG_GAP: Final = 1_500  # bytes: tags this short cost too little to count
_MANY_ENTITIES: Final = 300_000

_VOID_TAGS: Final = frozenset(b"area base br col embed hr img input link meta param source track wbr".split())
# An open one is closed by the next, unless another element (that counts) is between.
_UNNESTED_TAGS: Final = frozenset(
    b"html head body p li option a nobr caption colgroup thead tbody tfoot tr td th".split()
)
_ROOT_TAGS: Final = frozenset((b"html", b"body"))
_RAW_TAGS: Final = frozenset(b"script style textarea title xmp iframe noembed noframes".split())
_FORMATTING_TAGS: Final = frozenset(b"b big code em font i s small strike strong tt u".split())
_BARRIER_TAGS: Final = frozenset(b"table marquee object applet template svg math".split())

_SPACE: Final = r"\t\n\f\r "
_PARTING: Final = b"\t\n\f\r /\"'"  # one of them stands before each attribute of a tag but the first
_ATTRIBUTE: Final = (
    rf"[^{_SPACE}/>][^{_SPACE}/>=]*+"
    rf"(?:[{_SPACE}]*+=[{_SPACE}]*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^{_SPACE}>\"'][^{_SPACE}>]*+)?)?"
)
# As the tokenizer of the HTML standard reads them; possessive, and an unclosed tag or comment ends at the end.
_ATTRIBUTES: Final = re.compile(_ATTRIBUTE.encode())
_TAG: Final = re.compile(
    rf"<(?:!--(?:-?>|.*?(?:--!?>|\Z))|[!?][^>]*+>?|(/?)([a-zA-Z][^{_SPACE}/>]*+)((?:[{_SPACE}/]++|{_ATTRIBUTE})*+)>?)"
    .encode(),
    re.DOTALL,
)  # fmt: skip
_RAW_ENDS: Final = {name: re.compile(rb"</" + name + rb"(?=[\t\n\f\r />]|\Z)", re.IGNORECASE) for name in _RAW_TAGS}

_INLINE: Final = "|".join(sorted(INLINE_TAGS, key=len, reverse=True))
_HIDDEN: Final = ("script", "style", "title", "template", "iframe", "noembed", "noframes")
_HIDDEN_START: Final = re.compile(
    rf"<(?=[!sStTiInN])(?:(!--)|({'|'.join(_HIDDEN)})(?=[{_SPACE}/>]|\Z)[^>]*+>?)", re.IGNORECASE
)
_HIDDEN_ENDS: Final = {
    "!--": re.compile(r"(?<=<!--)-?>|--!?>"),
    **{name: re.compile(rf"</{name}(?=[{_SPACE}/>]|\Z)[^>]*+>?", re.IGNORECASE) for name in _HIDDEN},
}
_INLINE_TAG: Final = re.compile(rf"</?+(?:{_INLINE})(?=[{_SPACE}/>]|\Z)[^>]*+>?", re.IGNORECASE)
_OTHER_TAG: Final = re.compile(r"<[a-zA-Z!?/][^>]*+>?(?:\s*+<[a-zA-Z!?/][^>]*+>?)*+")
_PIECE: Final = 1_000_000  # characters
_MANY_TAGS: Final = 1_000_000  # past it, inline tags cut like others: one pass over the tags, not two
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")
_ENTITIES: Final = (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&"))


def check_bounds(html: str) -> str:
    """Return why the page must not go to the parser, or "".

    >>> check_bounds("<p>A fox ran.")
    ''
    >>> check_bounds("<select>" + "<option>x" * 5000)
    '5000 options'
    """
    if len(html) > MAX_LENGTH:
        return f"{len(html)} characters long"
    return check_encoded(html.encode("utf-8", "replace"))


def check_encoded(data: bytes) -> str:
    """Return why the page, encoded as UTF-8, must not go to the parser, or "".

    A few passes of numpy; the exact scan of every tag follows on suspicion only. What is not looked for: a page
    under 3 MB tailored to this check, with thousands of attributes and '<' strewn among them.
    """
    codes = np.frombuffer(data, dtype=np.uint8)
    tags = np.flatnonzero(codes == ord("<"))
    if tags.size > MAX_TAGS:
        return f"{tags.size} tags"
    if not tags.size:
        return ""
    starts = (codes.take(tags + 1, mode="clip").astype(np.intp) | 32) * 256 + (codes.take(tags + 2, mode="clip") | 32)
    options = int(np.count_nonzero(_OPTION_STARTS[starts]))
    if options > MAX_OPTIONS:
        return f"{options} options"
    formatting = int(np.count_nonzero(_FORMATTING_STARTS[starts]))
    formatting *= tags.size
    if formatting > MAX_REOPENED:
        formatting = max(_count_left_open(codes, tags, starts) * tags.size, formatting // 10)
    roots = int(np.count_nonzero(_ROOT_STARTS[starts]))
    if tags.size > _SCANNED_TAGS or len(data) > _SCANNED_LENGTH or formatting > MAX_REOPENED or roots > _SCANNED_ROOTS:
        return _scan_tags(data)
    matches = (_TAG.match(data, start) for start in tags[np.diff(tags, append=len(data)) > _LONG_GAP].tolist())
    return _bound_attributes([tag[3] for tag in matches if tag and tag[3] and len(tag[3]) > _LONG_GAP])


def _bound_attributes(tags: Sequence[bytes]) -> str:
    """Return why the attributes of some long tag are too many, or ""."""
    # What parts attributes is counted ten times as fast as they are, and there are never more of them.
    if sum((len(tag) - len(tag.translate(None, _PARTING)) + 1) ** 2 for tag in tags) <= MAX_COMPARED:
        return ""
    compared = 0
    for tag in tags:
        attributes = _count_attributes(tag)
        compared += attributes * attributes
        if compared > MAX_COMPARED:
            return f"{attributes} attributes on one tag"
    return ""


def flatten_html(html: str) -> str:
    r"""Return the text of a page without a parser, in linear time: block-level tags become line ends.

    >>> flatten_html("<script>x<y</script><p>A &lt; <b>B</b><!-- c --><p>D")
    '\nA < B\nD'
    """
    text = _cut_hidden(html)
    if text.count("<") > _MANY_TAGS:
        text = "".join(_OTHER_TAG.sub("\n", piece) for piece in _cut_pieces(text))
    else:
        text = _OTHER_TAG.sub("\n", _INLINE_TAG.sub("", text))
    if text.count("&") <= _MANY_ENTITIES:
        return _ENTITY.sub(lambda match: html_module.unescape(match[0]), text)
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return text


def _cut_pieces(text: str) -> Iterator[str]:
    """Cut where no tag can be open, right after a ">": a list of all tags at once would fill the memory."""
    start = 0
    while start < len(text):
        end = text.find(">", start + _PIECE) + 1 or len(text)
        yield text[start:end]
        start = end


def _cut_hidden(html: str) -> str:
    """Cut scripts, styles and comments; an unclosed one reaches to the end, as in browsers."""
    pieces = []
    position = 0
    while start := _HIDDEN_START.search(html, position):
        pieces.append(html[position : start.start()])
        end = _HIDDEN_ENDS[(start[1] or start[2]).lower()].search(html, start.end())
        if end is None:
            return "".join(pieces)
        position = end.end()
    pieces.append(html[position:])
    return "".join(pieces)


def _table(*prefixes: str) -> NDArray[np.bool_]:
    """Return a table over two bytes: whether a tag name that starts with them is looked for."""
    table = np.zeros(65536, dtype=np.bool_)
    for prefix in prefixes:
        table[ord(prefix[0]) * 256 + ord(prefix[1])] = True
    return table


# ``byte | 32`` folds case and turns tab, line feed, form feed and return into ")", "*", "," and "-".
# Formatting elements count where they may have attributes: without any, at most three alike are opened again.
_FORMATTING_STARTS: Final = _table(
    *(letter + space for letter in "bisu" for space in " /)*,-"), "bi", "co", "em", "fo", "sm", "st", "tt"
)
_FORMATTING_NAMES: Final = _FORMATTING_STARTS | _table("b>", "i>", "s>", "u>")
_OPTION_STARTS: Final = _table("op")
_ROOT_STARTS: Final = _table("bo", "ht")  # every html and body tag adds its attributes to the first one


def _count_left_open(codes: NDArray[np.uint8], tags: NDArray[np.intp], starts: NDArray[np.intp]) -> int:
    """Return the largest surplus of formatting start tags over end tags between any two places."""
    ends = (codes.take(tags + 2, mode="clip").astype(np.intp) | 32) * 256 + (codes.take(tags + 3, mode="clip") | 32)
    closing = (codes.take(tags + 1, mode="clip") == ord("/")) & _FORMATTING_NAMES[ends]
    balance = np.cumsum(_FORMATTING_NAMES[starts].astype(np.intp) - closing)
    return int((balance - np.minimum(np.minimum.accumulate(balance), 0)).max())


def _count_attributes(attributes: bytes) -> int:
    return sum(1 for _ in _ATTRIBUTES.finditer(attributes))


class _Frame:
    """What is open between one barrier element and the next: the end tags inside reach no further."""

    __slots__ = ("barrier", "counts", "depth", "formatting")

    def __init__(self, barrier: bytes) -> None:
        self.barrier = barrier
        self.counts: dict[bytes, int] = {}
        self.depth = self.formatting = 0


def _scan_tags(data: bytes) -> str:
    """Read every tag and bound, from above, the parser's work on the page.

    An end tag closes one element of its name if one is open in the same frame: the estimate of the depth errs
    upwards (end tags that HTML implies are not seen), so it bounds work and is not the depth itself.
    """
    frames = [_Frame(b"")]
    depth = steps = reopened = compared = rooted = position = 0
    while tag := _TAG.search(data, position):
        position = tag.end()
        if tag[2] is None:
            continue
        name = tag[2].lower()
        frame = frames[-1]
        if tag[1]:
            if frame.counts.get(name):
                frame.counts[name] -= 1
                frame.depth -= 1
                depth -= 1
                frame.formatting = max(0, frame.formatting - (name in _FORMATTING_TAGS))
            elif name == frame.barrier:
                depth -= frame.depth + 1
                frames.pop()
            continue
        is_root = name in _ROOT_TAGS
        if is_root or len(tag[3]) > _LONG_GAP:
            attributes = _count_attributes(tag[3])
            rooted += attributes * is_root
            attributes = rooted if is_root else attributes
            compared += attributes * attributes
            if compared > MAX_COMPARED:
                return f"{attributes} attributes on one tag"
        if name in _RAW_TAGS:
            end = _RAW_ENDS[name].search(data, position)
            position = end.start() if end else len(data)
        elif name in _BARRIER_TAGS:
            frames.append(_Frame(name))
            depth += 1
        elif name not in _VOID_TAGS and name not in _UNNESTED_TAGS:
            frame.counts[name] = frame.counts.get(name, 0) + 1
            frame.depth += 1
            depth += 1
            frame.formatting += name in _FORMATTING_TAGS and len(tag[3]) > 1
        steps += depth
        reopened += frame.formatting
        if steps > MAX_STEPS:
            return f"nested over {depth} levels deep"
        if reopened > MAX_REOPENED:
            return f"{frame.formatting} formatting elements left open"
    return ""
