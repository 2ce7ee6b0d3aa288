"""HTML, trees and plain text -> blocks: what cuts, what stays together, and that no character is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import bs4
import lxml.etree
import lxml.html
import parsel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from dechrome.blocks import Block, Document, Span
from dechrome.errors import InputError
from dechrome.html_blocks import split_html
from dechrome.text_blocks import split_text
from dechrome.tree_blocks import split_tree, strip_nodes

# Written down again rather than imported: the oracle must not share the code's mistakes.
INVISIBLE = {"script", "style", "template", "title", "iframe", "noembed", "noframes"}

STEADY = settings(derandomize=True, deadline=None)


def read_visible(html: str) -> str:
    """Return all visible characters that are not white space, from the text nodes of the parsed page."""
    root = LexborHTMLParser(html).root
    assert root is not None
    return squeeze(
        "".join(
            node.text_content or ""
            for node in root.traverse(include_text=True)
            if node.tag == "-text" and not any(tag in INVISIBLE for tag in _list_ancestors(node))
        )
    )


def _list_ancestors(node: Any) -> Iterator[str]:
    while (node := node.parent) is not None:
        yield node.tag


def squeeze(text: str) -> str:
    return "".join(text.split())


def join(document: Document) -> str:
    return squeeze("".join(block.text for block in document.blocks))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", []),
        ("<p></p>", []),
        ("<p>A <b>fox</b> ran.</p>It hid.", ["A fox ran.", "It hid."]),
        ("<p>a<br>b<br><br>c", ["a\nb", "c"]),
        ("<p>a<br> <br>c", ["a", "c"]),
        ("<p>  a \n b\u00a0c  ", ["a b c"]),
        ("<p>a<!-- c -->b", ["ab"]),
        ("<p>a<span> </span>b", ["a b"]),
        ("<p>f<wbr>o<span>x</span>", ["fox"]),
        ("<ul><li>a<li>b</ul>", ["a", "b"]),
        ("<table><tr><td>a<td>b</table>", ["a", "b"]),
        ("<select><option>a<option>b</select>", ["a", "b"]),
        ("<pre>if x:\n    y\n</pre>", ["if x:\n    y"]),
        ("<pre><i>if</i> <b>x</b>:\n<i>    y</i>\n\n<i>z</i></pre>", ["if x:\n    y\n\nz"]),
        ("<pre>a<br>b</pre>", ["a\nb"]),
        ("<script>x</script><style>y</style><template>z</template>a", ["a"]),
        ("<p>b<noscript>a</noscript>", ["b", "a"]),
        ("<custom-tag>a</custom-tag>b", ["a", "b"]),
        ("<svg><title>t</title><text>a</text></svg>", ["a"]),
        ("<textarea> a\nb</textarea>", ["a\nb"]),
        ("A &lt;b&gt; &amp; c", ["A <b> & c"]),
    ],
)
def test_html_is_cut_where_a_browser_sets_runs_apart(html: str, expected: list[str]) -> None:
    assert [block.text.strip() for block in split_html(html).blocks] == expected


def test_no_white_space_but_single_blanks_is_left_between_words() -> None:
    spaces = [character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()]
    html = "".join(f"<p>{space}A{space}fox <b>ran</b>{space}{space}off.{space}</p>" for space in spaces)
    assert [block.text for block in split_html(html).blocks] == ["A fox ran off."] * len(spaces)


@pytest.mark.parametrize(
    "html",
    [
        "<noscript><iframe></noscript><p>a<NOSCRIPT><iframe></NOSCRIPT><p>b",
        "<noscript><noscript><iframe src='c'></noscript><p>a</noscript><p>b",
        "<p>a<style/><script src=c /><style></style></script><p>b<script></script>",
    ],
)
def test_raw_text_without_an_end_does_not_swallow_the_page(html: str) -> None:
    page = f"{html}<script>{'c' * 200}</script>"
    assert join(split_html(page)) == "ab"


def test_the_title_is_read_and_is_no_block() -> None:
    document = split_html("<title> A\n fox </title><p>b", "https://example.org/")
    assert (document.title, document.url, join(document)) == ("A fox", "https://example.org/", "b")


@pytest.mark.parametrize(
    "start",
    [
        "<div hidden>",
        "<div aria-hidden=true>",
        "<div style='display : none'>",
        "<div style='VISIBILITY:hidden'>",
        "<noscript>",
        "<dialog>",
    ],
)
def test_text_that_a_script_reveals_is_a_hidden_block(start: str) -> None:
    assert [block.hidden for block in split_html(f"<body>{start}<p>a</p></div></noscript></dialog>").blocks] == [True]


def test_text_after_a_hidden_element_inside_a_hidden_one_is_hidden_too() -> None:
    blocks = split_html("<div hidden><p hidden>a</p><p>b</p></div><p>c</p>").blocks
    assert [block.hidden for block in blocks] == [True, True, False]


def test_links_emphasis_and_pictures_are_counted_and_kept_as_spans() -> None:
    (block,) = split_html("<p><img>A <a href=/b>fox</a> <em>ran</em>.").blocks
    assert block.spans == (Span(2, 6, "a", "/b") if block.text[2:6] == "fox" else block.spans[0], block.spans[1])
    assert [block.text[span.start : span.end].strip() for span in block.spans] == ["fox", "ran"]
    assert (block.links, block.images, block.emphasised >= 3, block.linked >= 3) == (1, 1, True, True)


def test_an_open_link_is_carried_into_every_block_inside() -> None:
    blocks = split_html("<a href=x><div>a</div><div>b</div></a>").blocks
    assert [block.spans for block in blocks] == [(Span(0, 1, "a", "x"),)] * 2


def test_deeply_nested_inline_elements_keep_the_outer_spans_only() -> None:
    nested = "".join(f"<b id={number}>" for number in range(40))
    blocks = split_html(f"<div>{nested}x<div>y</div>{'</b>' * 40}<i>z</i></div>").blocks
    assert [len(block.spans) for block in blocks] == [16, 16, 1]


def test_the_element_of_a_block_is_the_innermost_around_the_whole_run() -> None:
    document = split_html("<div id=d><p><b><i>a</i></b></p><p><b>a <i>b</i></b></p><p><b>a</b> c<u>d</u></p>")
    assert [document.tree.tags[block.element] for block in document.blocks] == ["i", "b", "p"]


def test_plain_text_has_a_block_for_each_line_with_its_offsets() -> None:
    text = "\ufeff a \r\n\n\tb c\u2028d"
    document = split_text(text)
    assert document.source_text == text
    assert [text[block.start : block.end] for block in document.blocks] == [block.text for block in document.blocks]
    assert [(block.text, block.breaks) for block in document.blocks[1:]] == [("b c", 2), ("d", 1)]


@STEADY
@given(st.text(max_size=300))
def test_plain_text_loses_no_character(text: str) -> None:
    document = split_text(text)
    assert join(document) == squeeze(text)
    assert all(text[block.start : block.end] == block.text for block in document.blocks)


WORDS = st.text(st.sampled_from("ab é狐\n\u00a0"), min_size=1, max_size=6)
TAGS = st.sampled_from(
    "p div span b i a em code pre li ul td table tr select option h1 section noscript font svg title style x-y"
    " textarea blockquote center nobr button form dl dd dt label".split()
)
ATTRIBUTES = st.sampled_from(["", " hidden", " class='a b'", " style='display:none'", " href=x id=y"])


def _wrap(parts: tuple[str, str, str, bool]) -> str:
    tag, attributes, inner, closed = parts
    return f"<{tag}{attributes}>{inner}" + (f"</{tag}>" if closed else "")


HTML = st.recursive(
    WORDS | st.sampled_from(["<br>", "<br><br>", "<hr>", "<img src=x>", "<!-- c -->", "<wbr>", "&amp;", "</p>", " "]),
    lambda inner: (
        st.lists(inner, max_size=5).map("".join)
        | st.tuples(TAGS, ATTRIBUTES, inner, st.sampled_from([True, True, True, False])).map(_wrap)
    ),
    max_leaves=25,
)


@STEADY
@given(HTML)
def test_every_visible_character_of_a_page_is_in_one_block_in_order(html: str) -> None:
    document = split_html(html)
    assert join(document) == read_visible(html)
    assert all(block.text.strip() for block in document.blocks)
    for block in document.blocks:
        assert 0 <= block.element < len(document.tree.tags)
        assert all(0 <= span.start < span.end for span in block.spans)


def serialise(html: str) -> str:
    """Return the page as lexbor would write it, so that other parsers meet no error to repair."""
    root = LexborHTMLParser(html).root
    assert root is not None
    return root.html or ""


def describe(document: Document) -> list[Block]:
    return [block._replace(element=0) for block in document.blocks]


@STEADY
@given(HTML)
def test_a_bs4_tree_gives_the_blocks_of_its_own_html(html: str) -> None:
    soup = bs4.BeautifulSoup(serialise(html), "html.parser")
    document, texts = split_tree(soup)
    assert join(document) == squeeze("".join("".join(map(read_text, nodes)) for nodes in texts))
    again = split_html(str(soup))
    if serialise(str(soup)) == str(soup):  # else a browser would repair what html.parser has built
        assert describe(document) == describe(again)
        assert document.tree == again.tree


def read_text(text: Any) -> str:
    return str(text.node) if not text.slot else str(getattr(text.node, "tail" if text.slot == "tail" else "text"))


PAGE = (
    "<html><head><title>T</title></head><body><nav class='main nav'>Home <a href='/x'>Shop</a></nav>"
    "<p id=p>A <b>fox</b> ran<br>far.<!-- c --> It hid.</p><pre>x\n  y</pre><div hidden>h</div>"
    "<svg><text>s</text></svg><ul><li>1</li><li>2</li></ul><script>no()</script><style>no</style></body></html>"
)


@pytest.mark.parametrize(
    "make",
    [
        lambda html: bs4.BeautifulSoup(html, "html.parser"),
        lambda html: bs4.BeautifulSoup(html, "lxml"),
        lxml.html.document_fromstring,
        lambda html: lxml.html.document_fromstring(html).getroottree(),
        lambda html: parsel.Selector(text=html),
    ],
)
def test_every_kind_of_tree_gives_the_blocks_of_the_html(make: Any) -> None:
    document, texts = split_tree(make(PAGE), "https://example.org/")
    expected = split_html(PAGE, "https://example.org/")
    assert (document.blocks, document.tree) == (expected.blocks, expected.tree)
    assert (document.title, document.url) == ("T", "https://example.org/")
    assert len(texts) == len(document.blocks)


def test_attributes_of_an_element_that_holds_comments_alone_are_read_in_every_tree() -> None:
    html = "<html><head></head><body><div class='c'><!-- x --></div><div class='d'></div><p>a</p></body></html>"
    expected = split_html(html).tree
    assert expected.cues == ["", "", "", "c", "", ""]
    for tree in (bs4.BeautifulSoup(html, "html.parser"), lxml.html.document_fromstring(html)):
        assert split_tree(tree)[0].tree == expected


def test_xml_trees_with_namespaces_and_capitals_are_read_like_html() -> None:
    source = (
        '<HTML xmlns="http://www.w3.org/1999/xhtml"><BODY CLASS="c"><P>a <B>b</B></P>'
        '<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:text>t</s:text></s:svg><?pi x?>'
        "<SCRIPT>no</SCRIPT></BODY></HTML>"
    )
    for tree in (lxml.etree.fromstring(source), bs4.BeautifulSoup(source, "xml")):
        document, _ = split_tree(tree)
        assert [block.text for block in document.blocks] == ["a b", "t"]
        assert document.tree.tags == ["html", "body", "p", "b", "svg", "text"]
        assert document.tree.cues[1] == "c"


def test_entities_that_an_xml_parser_left_are_text() -> None:
    parser = lxml.etree.XMLParser(resolve_entities=False)
    tree = lxml.etree.fromstring("<!DOCTYPE p [<!ENTITY eacute 'x'>]><p>caf&eacute; au lait</p>", parser)
    document, texts = split_tree(tree)
    assert [block.text for block in document.blocks] == ["café au lait"]
    strip_nodes(tree, texts, {0})
    assert lxml.etree.tostring(tree) == b"<p/>"


def test_part_of_a_tree_is_read_without_what_is_around_it() -> None:
    soup = bs4.BeautifulSoup("<p>a</p><div>b</div>c", "html.parser")
    assert [block.text for block in split_tree(soup.div)[0].blocks] == ["b"]
    element = lxml.html.fragment_fromstring("<div><p>a</p>tail</div>")[0]
    assert [block.text for block in split_tree(element)[0].blocks] == ["a"]


def test_a_tree_nested_too_deeply_is_read_as_flat_text() -> None:
    tree = lxml.etree.Element("div")
    tree.text = "top"
    element = tree
    for _ in range(5_000):
        element = lxml.etree.SubElement(element, "div")
    element.text = "end"
    document, texts = split_tree(tree)
    assert document.problems == ("nested over 512 levels deep: read as flat text",)
    assert [block.text for block in document.blocks] == ["top", "end"]
    strip_nodes(tree, texts, {1})
    assert "".join(tree.itertext()) == "top"


@pytest.mark.parametrize("wrong", ["<p>html", b"<p>", None, 3, ["a"], parsel.Selector(text='{"a": 1}', type="json")])
def test_a_wrong_type_is_refused_by_name(wrong: object) -> None:
    with pytest.raises(InputError, match="expected a bs4 BeautifulSoup or Tag, an lxml element"):
        split_tree(wrong)


STRIPPED = [
    ("<div><p>keep</p><nav><ul><li><a>drop</a></li></ul></nav></div>", "<div><p>keep</p></div>"),
    ("<div><p>keep</p><div>drop</div>tail</div>", "<div><p>keep</p>\ntail</div>"),
    ("<div>keep<p>drop</p>keep</div>", "<div>keep\nkeep</div>"),
    ("<div><p>keep</p>drop<p>keep</p></div>", "<div><p>keep</p><p>keep</p></div>"),
    ("<div><hr><p>keep</p><br><p>drop</p><hr></div>", "<div><hr><p>keep</p><br><hr></div>"),
    ("<div><p></p><p>keep</p><i></i></div>", "<div><p></p><p>keep</p><i></i></div>"),
    (
        "<div><p>keep</p><figure><img src='x'><figcaption>drop</figcaption></figure><p>keep</p></div>",
        "<div><p>keep</p><figure><img src='x'></figure><p>keep</p></div>",
    ),
    ("<div><p>keep</p><p><a><img src='x'> drop</a></p><p>keep</p></div>", "<div><p>keep</p><p>keep</p></div>"),
    ("<div><nav><img src='x'>drop</nav><p>keep</p></div>", "<div><p>keep</p></div>"),
    ("<div><section><p>drop</p><p>keep</p></section></div>", "<div><section><p>keep</p></section></div>"),
    ("<div><p>drop</p></div>", "<div></div>"),
]


@pytest.mark.parametrize(("html", "expected"), STRIPPED)
def test_stripping_removes_dropped_text_and_what_stood_around_it(html: str, expected: str) -> None:
    soup = bs4.BeautifulSoup(html, "html.parser").div
    element = lxml.html.fragment_fromstring(html)
    for tree in (soup, element):
        document, texts = split_tree(tree)
        strip_nodes(tree, texts, {index for index, block in enumerate(document.blocks) if "drop" in block.text})
    assert str(soup).replace('"', "'").replace("/>", ">").replace("\n", "") == expected.replace("\n", "")
    assert lxml.html.tostring(element, encoding="unicode").replace('"', "'") == expected


@STEADY
@given(HTML, st.integers(min_value=0))
def test_stripping_keeps_all_other_text_in_order(html: str, choice: int) -> None:
    for tree in (bs4.BeautifulSoup(html, "html.parser"), lxml.html.document_fromstring(f"<div>{html}</div>")):
        document, texts = split_tree(tree)
        dropped = {index for index in range(len(texts)) if choice >> index & 1}
        kept = [block.text for index, block in enumerate(document.blocks) if index not in dropped]
        strip_nodes(tree, texts, dropped)
        assert join(split_tree(tree)[0]) == squeeze("".join(kept))


@STEADY
@given(HTML)
def test_lxml_trees_lose_no_character(html: str) -> None:
    tree = lxml.html.document_fromstring(f"<div>{html}</div>")
    visible = "".join(
        text for text in tree.xpath("//text()") if not INVISIBLE & {element.tag for element in _list_holders(text)}
    )
    assert join(split_tree(tree)[0]) == squeeze(visible)


def _list_holders(text: Any) -> Iterator[Any]:
    element = text.getparent().getparent() if text.is_tail else text.getparent()
    while element is not None:
        yield element
        element = element.getparent()
