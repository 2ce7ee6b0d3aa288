"""BeautifulSoup and lxml trees (also inside a parsel Selector) -> the blocks that the same HTML would give.

Neither lxml nor parsel is imported: a caller who has such a tree has done that already. Nodes are ``Any``, since they
are read by what they have, not by their class.
"""

from __future__ import annotations

import html as html_module
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from dechrome.blocks import Block, Document
from dechrome.errors import InputError
from dechrome.segmenting import INLINE_TAGS, INVISIBLE_TAGS, Node, PastBoundsError, cut_blocks

_ACCEPTED: Final = "a bs4 BeautifulSoup or Tag, an lxml element or element tree, or a parsel Selector of HTML"
_MEDIA_TAGS: Final = frozenset("img picture video audio svg canvas object embed math".split())
# Pictures in these go with their text, wherever they stand.
_CHROME_TAGS: Final = frozenset("nav aside header footer form ul ol menu dialog table".split())
_NEVER_REMOVED: Final = frozenset(("html", "body", "[document]"))

_Elements = dict[int, Any]  # by id; holding them keeps the ids of lxml's proxies valid


class TextNode(NamedTuple):
    """Where a run of text is kept in a tree.

    ``slot`` is "text", "tail" or "entity" of an lxml node, and "" for a bs4 string, which is ``node`` itself.
    """

    node: Any
    slot: str = ""


class _Text(NamedTuple):
    data: str
    node: TextNode


_Walk = Callable[[Any], Iterator[Any]]  # the children of an element: elements and _Text


def split_tree(tree: object, url: str | None = None) -> tuple[Document, list[list[TextNode]]]:
    """Cut a ready-made tree into blocks; also return the text nodes of each block, for ``strip_nodes``.

    Accepts a bs4 BeautifulSoup or Tag, an lxml element or element tree, and a parsel Selector; raises ``InputError``
    for anything else. A tree nested over 512 levels deep is read as flat text, one block for each text node.
    """
    root = _find_root(tree)
    walk = _walk_lxml if _is_lxml(root) else _make_soup_walk()
    texts: list[list[TextNode]] = []

    def file_text(node: Node, block: int) -> None:
        assert isinstance(node, _Node)
        if len(texts) <= block:
            texts.append([])
        texts[block].append(node.item.node)

    siblings = walk(root) if _get_tag(root) == "[document]" else iter((root,))
    try:
        document = cut_blocks(_read_next(siblings, walk), url, file_text)
    except PastBoundsError as error:
        return _split_flat(root, walk, url, str(error))
    return document, texts


class _Node:
    """An element or a text as ``cut_blocks`` reads it; ``siblings`` are those that follow."""

    __slots__ = ("item", "siblings", "tag", "text_content", "walk")

    def __init__(self, item: Any, siblings: Iterator[Any], walk: _Walk) -> None:
        self.item = item
        self.siblings = siblings
        self.walk = walk
        self.text_content = str(item.data) if isinstance(item, _Text) else None
        self.tag = None if item is None or self.text_content is not None else _get_tag(item)

    @property
    def attributes(self) -> dict[str, str | None]:
        return _read_attributes(self.item)

    @property
    def first_child(self) -> _Node | None:
        children = self.walk(self.item)
        child = _read_next(children, self.walk)
        if child is None and not _is_empty(self.item):  # holds comments alone
            return _Node(None, children, self.walk)
        return child

    @property
    def next(self) -> _Node | None:
        return _read_next(self.siblings, self.walk)

    def text(self) -> str:
        return _join_text(self.item)


def _read_next(siblings: Iterator[Any], walk: _Walk) -> _Node | None:
    item = next(siblings, None)
    return None if item is None else _Node(item, siblings, walk)


def strip_nodes(tree: object, texts: Sequence[Sequence[TextNode]], dropped: Collection[int]) -> None:
    """Remove the text of the ``dropped`` blocks from the tree that ``texts`` came from, in place.

    Elements that held such text and hold no other go too, with what is in them; the root, html and body stay, and so
    do pictures between kept blocks (the figure whose caption goes), unless they are part of a link, list or form that
    goes. Text of kept blocks stays. ``texts`` is stale afterwards.
    """
    dropped = frozenset(dropped)
    kept = [index for index in range(len(texts)) if index not in dropped]
    first = _mark_ancestors(texts, kept)
    last = _mark_ancestors(texts, reversed(kept))
    protected: _Elements = {key: element for key, (element, _) in first.items()}
    root = _find_root(tree)
    protected[id(root)] = root
    emptied: _Elements = {}
    tops: dict[int, tuple[Any, int]] = {}
    for index in sorted(dropped):
        for text in texts[index]:
            top = _climb(_get_holder(text), protected, emptied)
            if top is not None:
                tops[id(top)] = (top, index)
    for top, index in tops.values():
        parent = _get_parent(top)
        key = id(parent)
        between = key in first and first[key][1] < index < last[key][1] and _get_tag(parent) not in _NEVER_REMOVED
        if (between or _get_tag(top) == "figure") and _get_tag(top) not in _CHROME_TAGS:
            _protect_media(top, protected, emptied)
    removed: _Elements = {}
    gone = [text for index in dropped for text in texts[index]]
    for text in gone:
        if (top := _climb(_get_holder(text), protected, {})) is not None:
            removed[id(top)] = top
    for text in gone:  # tails first, since a node's tail moves when the node is taken out
        if text.slot in ("text", "tail"):
            setattr(text.node, text.slot, None)
    for text in gone:
        if text.slot not in ("text", "tail"):
            _remove(text.node)
    for element in removed.values():
        _remove(element)


def _find_root(tree: object) -> Any:
    """Return the element that a tree, an element or a Selector stands for; raise ``InputError`` for other types."""
    root: Any = tree
    if "parsel" in _find_packages(root):
        root = root.root
    if "lxml" in _find_packages(root):
        root = root.getroot() if hasattr(type(root), "getroot") else root
        if isinstance(getattr(root, "tag", None), str):
            return root
    elif "bs4" in _find_packages(root) and _is_tag(root):
        return root
    raise InputError(f"expected {_ACCEPTED}; got {type(tree).__module__}.{type(tree).__qualname__}")


def _is_lxml(node: Any) -> bool:
    """Tell lxml nodes from those of bs4."""
    return hasattr(type(node), "getparent")


def _get_tag(node: Any) -> str:
    """Return the lower-case name of an element, without namespace."""
    if _is_lxml(node):
        return str(node.tag.rpartition("}")[2].lower())
    name: str = node.name.lower()
    return name[len(node.prefix) + 1 :] if node.prefix and name.startswith(f"{node.prefix.lower()}:") else name


def _is_tag(node: Any) -> bool:
    """Tell elements from strings in bs4, where instances claim to have any attribute."""
    return hasattr(type(node), "descendants")


def _is_empty(node: Any) -> bool:
    return not node.text and len(node) == 0 if _is_lxml(node) else not node.contents


def _find_packages(node: object) -> set[str]:
    return {cls.__module__.partition(".")[0] for cls in type(node).__mro__}


def _is_blank(text: _Text) -> bool:
    return not text.data or text.data.isspace()


def _walk_lxml(element: Any) -> Iterator[Any]:
    if element.text:
        yield _Text(element.text, TextNode(element, "text"))
    for child in element:
        if isinstance(child.tag, str):
            yield child
        elif getattr(child.tag, "__name__", "") == "Entity":
            yield _Text(html_module.unescape(child.text), TextNode(child, "entity"))
        if child.tail:
            yield _Text(child.tail, TextNode(child, "tail"))


def _make_soup_walk() -> _Walk:
    """Return the walk over bs4 trees, which leaves out comments and the like (CDATA in HTML is a comment too)."""
    from bs4.element import PreformattedString, Script, Stylesheet, TemplateString

    hidden = (PreformattedString, Script, Stylesheet, TemplateString)

    def walk(element: Any) -> Iterator[Any]:
        for child in element.contents:
            if _is_tag(child):
                yield child
            elif not isinstance(child, hidden):
                yield _Text(str(child), TextNode(child))

    return walk


def _read_attributes(node: Any) -> dict[str, str | None]:
    """Return the attributes, names in lower case, the tokens of multi-valued ones joined."""
    attributes = node.attrib if _is_lxml(node) else node.attrs
    return {
        name.lower(): value if value is None or isinstance(value, str) else _join_value(value)
        for name, value in attributes.items()
    }


def _join_value(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _join_text(node: Any) -> str:
    return " ".join(("".join(node.itertext()) if _is_lxml(node) else node.get_text()).split())


def _split_flat(root: Any, walk: _Walk, url: str | None, reason: str) -> tuple[Document, list[list[TextNode]]]:
    """Make a block of each text node, without elements."""
    blocks: list[Block] = []
    texts: list[list[TextNode]] = []
    stack = [walk(root)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
        elif isinstance(node, _Text):
            if not _is_blank(node):
                blocks.append(Block(" ".join(node.data.split())))
                texts.append([node.node])
        elif _get_tag(node) not in INVISIBLE_TAGS:
            stack.append(walk(node))
    return Document(blocks, url=url, problems=(f"{reason}: read as flat text",)), texts


def _mark_ancestors(
    texts: Sequence[Sequence[TextNode]], indexes: Collection[int] | Iterator[int]
) -> dict[int, tuple[Any, int]]:
    """Map each element around the text of some blocks to the first of these, in the order given."""
    marked: dict[int, tuple[Any, int]] = {}
    for index in indexes:
        for text in texts[index]:
            element = _get_holder(text)
            while element is not None and id(element) not in marked:
                marked[id(element)] = (element, index)
                element = _get_parent(element)
    return marked


def _climb(element: Any, protected: _Elements, passed: _Elements) -> Any:
    """Return the outermost element around, with no protected one on the way, or None; note those passed."""
    top = None
    while element is not None and id(element) not in protected and _get_tag(element) not in _NEVER_REMOVED:
        passed[id(element)] = top = element
        element = _get_parent(element)
    return top


def _protect_media(top: Any, protected: _Elements, emptied: _Elements) -> None:
    """Protect the pictures below an element that are not part of a link or list that goes."""
    for element in _iterate(top):
        if _get_tag(element) not in _MEDIA_TAGS:
            continue
        path = [element]
        while path[-1] is not top:
            path.append(_get_parent(path[-1]))
        if not any(id(node) in emptied and _get_tag(node) in _CHROME_TAGS | {"a", "button"} for node in path):
            protected.update((id(node), node) for node in path)


def _iterate(top: Any) -> Iterator[Any]:
    if _is_lxml(top):
        return iter(top.iter("*"))
    return (node for node in [top, *top.descendants] if _is_tag(node))


def _get_parent(element: Any) -> Any:
    return element.getparent() if _is_lxml(element) else element.parent


def _get_holder(text: TextNode) -> Any:
    """Return the element that a text node is directly in."""
    return text.node if text.slot == "text" else _get_parent(text.node)


def _remove(node: Any) -> None:
    """Take a node out; its lxml tail stays, and a line end parts the neighbours of a block-level element."""
    cuts = _is_tag(node) or (_is_lxml(node) and isinstance(node.tag, str))
    gap = "\n" if cuts and _get_tag(node) not in INLINE_TAGS else ""
    if not _is_lxml(node):
        if gap and node.previous_sibling is not None and node.next_sibling is not None:
            node.insert_after(gap)
        node.extract()
        return
    parent, previous, tail = node.getparent(), node.getprevious(), node.tail
    if parent is None:
        return
    parent.remove(node)
    if not tail:
        return
    if previous is not None:
        previous.tail = (previous.tail or "") + gap + tail
    else:
        parent.text = f"{parent.text}{gap}{tail}" if parent.text else tail
