"""HTML -> blocks, with lexbor (an HTML5-conformant parser). The only module that knows the parser."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser, LexborNode

from dechrome.blocks import Document
from dechrome.segmenting import INVISIBLE_TAGS, Segmenter


def split_html(html: str, url: str | None = None) -> Document:
    """Cut an HTML page into blocks.

    >>> [block.text for block in split_html("<nav>Home</nav><p>A <b>fox</b> ran.").blocks]
    ['Home', 'A fox ran.']
    """
    root = LexborHTMLParser(html).root
    segmenter = Segmenter()
    titles: list[str] = []
    if root is not None:
        _walk(root, segmenter, titles)
    segmenter.finish()
    return Document(segmenter.blocks, segmenter.tree, title=titles[0] if titles else "", url=url)


def _walk(node: LexborNode, segmenter: Segmenter, titles: list[str]) -> None:
    """Send the tree below ``node`` to the segmenter, with an explicit stack."""
    ancestors: list[LexborNode] = []
    while True:
        tag = node.tag
        if tag == "-text":
            segmenter.text(node.text_content or "")
        elif tag is None or tag[0] in "-!":
            pass
        elif tag in INVISIBLE_TAGS:
            if tag == "title" and (title := " ".join(node.text().split())):
                titles.append(title)
        else:
            segmenter.open(tag, node.attributes)
            child = node.first_child
            if child is not None:
                ancestors.append(node)
                node = child
                continue
            segmenter.close()
        following = node.next
        while following is None:
            if not ancestors:
                return
            node = ancestors.pop()
            segmenter.close()
            following = node.next
        node = following
