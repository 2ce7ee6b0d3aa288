"""The blocks of every page of the corpora: no visible character is lost, and trees give the same blocks as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bs4
import lxml.html
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from dechrome.blocks import Tree
from dechrome.encoding import decode_html
from dechrome.html_blocks import split_html
from dechrome.tree_blocks import split_tree, strip_nodes

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
NAMES = sorted(path.stem for path in CORPORA.glob("*.parquet") if path.stem != "phrases")
INVISIBLE = frozenset(("script", "style", "template", "title", "iframe", "noembed", "noframes"))
PARITY_STEP = 120  # every 120th page: 61 of 7,288

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not NAMES, reason=f"the labelled corpora are not in {CORPORA}"),
]


def read_pages(name: str) -> Iterator[tuple[str, bytes, str]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    for batch in parquet.ParquetFile(CORPORA / f"{name}.parquet").iter_batches(100, columns=["id", "html", "encoding"]):
        for row in batch.to_pylist():
            yield row["id"], row["html"], row["encoding"]


def read_visible(html: str) -> str:
    """Return the characters, without white space, of the text nodes that are in no invisible element."""
    root = LexborHTMLParser(html).root
    pieces: list[str] = []
    stack: list[LexborNode | None] = [root]
    while stack:
        node = stack.pop()
        if node is None:
            continue
        if node is not root:
            stack.append(node.next)
        if node.tag == "-text":
            pieces.append(node.text_content or "")
        elif node.tag not in INVISIBLE and node.first_child is not None:
            stack.append(node.first_child)
    return squeeze("".join(pieces))


def is_found_again(text: str, visible: str, html: str) -> bool:
    """Tell whether the parser had taken nearly all for the text of an element without an end, and blocks have it."""
    return len(visible) < 0.03 * len(html) and len(text) > len(visible)


def squeeze(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("name", NAMES)
def test_every_visible_character_of_every_page_is_in_one_block(name: str) -> None:
    for key, data, encoding in read_pages(name):
        html = data.decode(encoding, "replace")
        document = split_html(html)
        assert document.problems == (), key
        text = squeeze("".join(block.text for block in document.blocks))
        visible = read_visible(html)
        assert text == visible or is_found_again(text, visible, html), key


def test_nearly_all_pages_are_decoded_as_their_corpus_says() -> None:
    same = pages = 0
    for name in NAMES:
        for _, data, encoding in read_pages(name):
            pages += 1
            expected = data.decode(encoding, "replace").replace("\0", "").removeprefix("\ufeff")
            same += decode_html(data)[0] == expected
    assert same / pages > 0.998  # 0.9985; the rest is English with a few characters of unclear origin


def serialise(html: str) -> str:
    root = LexborHTMLParser(html).root
    return "" if root is None else root.html or ""


def pick_pages() -> list[tuple[str, str]]:
    """Return some pages as lexbor writes them, so that other parsers have little to repair.

    Where lexbor reads its own writing differently (a <p> that opens a table it is in), no parser could agree.
    """
    pages = [page for name in NAMES for number, page in enumerate(read_pages(name)) if number % PARITY_STEP == 7]
    written = [(key, serialise(data.decode(encoding, "replace"))) for key, data, encoding in pages]
    return [(key, html) for key, html in written if serialise(html) == html]


def describe(tree: Tree) -> tuple[list[str], list[list[str]]]:
    """Return tags in one case (lexbor writes linearGradient) and cues as words (bs4 keeps no white space of a class).

    Long cues are cut after 300 characters, white space counted, so only their first words are compared.
    """
    return [tag.lower() for tag in tree.tags], [cue.split()[:3] for cue in tree.cues]


def test_bs4_and_lxml_trees_of_real_pages_give_the_same_blocks() -> None:
    pages = pick_pages()
    assert len(pages) > 55
    same_parents = 0
    for key, html in pages:
        expected = split_html(html)
        soup, _ = split_tree(bs4.BeautifulSoup(html, "html.parser"))
        element, _ = split_tree(lxml.html.document_fromstring(html))
        assert soup.blocks == element.blocks == expected.blocks, key
        assert soup.title == element.title == expected.title, key
        assert describe(soup.tree) == describe(element.tree) == describe(expected.tree), key
        assert soup.tree.parents == expected.tree.parents, key
        same_parents += element.tree.parents == expected.tree.parents
    # libxml2 knows HTML 4: <source> and <wbr> have an end tag, <center> ends <font>, <p> may not be in <h2>.
    assert same_parents > 0.85 * len(pages)


def test_stripping_real_pages_keeps_all_other_text() -> None:
    for key, html in pick_pages():
        for tree in (bs4.BeautifulSoup(html, "html.parser"), lxml.html.document_fromstring(html)):
            document, texts = split_tree(tree)
            dropped = {index for index in range(len(texts)) if index % 3 != 1}
            kept = [block.text for index, block in enumerate(document.blocks) if index not in dropped]
            strip_nodes(tree, texts, dropped)
            left = [block.text for block in split_tree(tree)[0].blocks]
            assert squeeze("".join(left)) == squeeze("".join(kept)), key
