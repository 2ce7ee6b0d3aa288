"""The blocks of every page of the corpora: no visible character is lost, and trees give the same blocks as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bs4
import lxml.html
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from dechrome.blocks import Block, Document
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


def squeeze(text: str) -> str:
    return "".join(text.split())


def describe(document: Document) -> list[Block]:
    return list(document.blocks)


@pytest.mark.parametrize("name", NAMES)
def test_every_visible_character_of_every_page_is_in_one_block(name: str) -> None:
    for key, data, encoding in read_pages(name):
        html = data.decode(encoding, "replace")
        document = split_html(html)
        assert document.problems == (), key
        assert squeeze("".join(block.text for block in document.blocks)) == read_visible(html), key


def test_nearly_all_pages_are_decoded_as_their_corpus_says() -> None:
    same = pages = 0
    for name in NAMES:
        for _, data, encoding in read_pages(name):
            pages += 1
            expected = data.decode(encoding, "replace").replace("\0", "").removeprefix("\ufeff")
            same += decode_html(data)[0] == expected
    assert same / pages > 0.998  # 0.9985; the rest is English with a few characters of unclear origin


def pick_pages() -> list[tuple[str, str]]:
    """Return some pages as lexbor writes them, so that other parsers have nothing to repair."""
    pages = [page for name in NAMES for number, page in enumerate(read_pages(name)) if number % PARITY_STEP == 7]
    return [(key, LexborHTMLParser(data.decode(encoding, "replace")).html or "") for key, data, encoding in pages]


def test_bs4_and_lxml_trees_of_real_pages_give_the_same_blocks() -> None:
    for key, html in pick_pages():
        expected = split_html(html)
        for tree in (bs4.BeautifulSoup(html, "html.parser"), lxml.html.document_fromstring(html)):
            document, texts = split_tree(tree)
            print(key, type(tree), describe(document) == describe(expected), document.tree==expected.tree, [(a.text[:80],b.text[:80]) for a, b in zip(document.blocks, expected.blocks) if a.text != b.text][:2], len(document.blocks),len(expected.blocks))


def test_stripping_real_pages_keeps_all_other_text() -> None:
    for key, html in pick_pages():
        for tree in (bs4.BeautifulSoup(html, "html.parser"), lxml.html.document_fromstring(html)):
            document, texts = split_tree(tree)
            dropped = {index for index in range(len(texts)) if index % 3 != 1}
            kept = [block.text for index, block in enumerate(document.blocks) if index not in dropped]
            strip_nodes(tree, texts, dropped)
            left = [block.text for block in split_tree(tree)[0].blocks]
            assert squeeze("".join(left)) == squeeze("".join(kept)), key
