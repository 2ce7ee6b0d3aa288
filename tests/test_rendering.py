"""Labelled blocks as text, Markdown, HTML and JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from dechrome.blocks import Kind, Label, LabelledBlock, Span, Tree
from dechrome.html_blocks import split_html
from dechrome.pages import Page
from dechrome.rendering import CONTENT_AND_IMAGES, to_html, to_markdown, to_record, to_text
from dechrome.rendering.inline import safe_address, tidy_spans
from dechrome.text_blocks import split_text

SEED = Path(__file__).parent.parent.parent / "shared" / "seed"
MARKDOWN = MarkdownIt("commonmark").enable("table").enable("strikethrough")
RICH = """
<h1>Tea <a href="/t">at <b>home</b></a></h1>
<p>Boil <b>fresh</b> water, <em>never</em> <code>old_water*</code>.<br>Wait. See <a href="javascript:x()">this</a>.</p>
<ul><li>Green<ul><li>Sencha</li><li>Matcha</li></ul></li><li>Black</li></ul>
<ol><li><p>Heat the pot.</p><p>Then pour.</p></li><li>Wait</li></ol>
<blockquote><p>Tea is <q>water</q>.</p><ul><li>Okakura</li></ul></blockquote>
<pre>if tea:
    drink(`it`)

done</pre>
<table><caption>Times</caption><tr><th>Kind</th><th>Minutes</th></tr>
<tr><td>Green | white</td><td>2<br>or 3</td></tr><tr><td></td><td><a href="https://x.org/a_(b)">5</a></td></tr></table>
<dl><dt>Pot</dt><dd>Holds tea.</dd><dt>Cup</dt><dd>Too.</dd></dl>
<p>H<sub>2</sub>O &amp; 1 &lt; 2</p>
"""


def paths_of(tree: Tree) -> list[str]:
    """Return the XPath of every element."""
    paths: list[str] = []
    counts: dict[tuple[int, str], int] = {}
    for tag, parent in zip(tree.tags, tree.parents, strict=True):
        number = counts[parent, tag] = counts.get((parent, tag), 0) + 1
        paths.append(f"{paths[parent] if parent >= 0 else ''}/{tag}[{number}]")
    return paths


def label_all(html: str, label: Label = Label.CONTENT) -> list[LabelledBlock]:
    document = split_html(html)
    paths = paths_of(document.tree)
    return [LabelledBlock(b.text, label, path=paths[b.element], spans=b.spans) for b in document.blocks]


def read_markdown(markdown: str) -> list[LabelledBlock]:
    return label_all(MARKDOWN.render(markdown))


class BalanceChecker(HTMLParser):
    """Collects what a well-formed, safe fragment must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "br":
            self.open.append(tag)
        self.wrong += [f"{tag} {name}={value}" for name, value in attrs if (tag, name) != ("a", "href")]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")


def find_faults(html: str) -> list[str]:
    checker = BalanceChecker()
    checker.feed(html)
    checker.close()
    return checker.wrong + checker.open


def test_text_of_a_page_with_every_structure() -> None:
    assert to_text(label_all(RICH)) == (
        "Tea at home\n\nBoil fresh water, never old_water*.\nWait. See this.\n\n"
        "Green\nSencha\nMatcha\nBlack\n\nHeat the pot.\n\nThen pour.\n\nWait\n\nTea is water.\n\nOkakura\n\n"
        "if tea:\n    drink(`it`)\n\ndone\n\nTimes\n\nKind\tMinutes\nGreen | white\t2 or 3\n\t5\n\n"
        "Pot\nHolds tea.\nCup\nToo.\n\nH2O & 1 < 2"
    )


def test_markdown_of_a_page_with_every_structure() -> None:
    assert to_markdown(label_all(RICH)) == (
        "# Tea [at **home**](/t)\n\nBoil **fresh** water, *never* `old_water*`.  \nWait. See this.\n\n"
        "- Green\n  - Sencha\n  - Matcha\n- Black\n\n1. Heat the pot.\n\n   Then pour.\n\n2. Wait\n\n"
        "> Tea is water.\n>\n> - Okakura\n\n```\nif tea:\n    drink(`it`)\n\ndone\n```\n\nTimes\n\n"
        "| Kind | Minutes |\n| --- | --- |\n| Green \\| white | 2<br>or 3 |\n|  | [5](https://x.org/a_%28b%29) |\n\n"
        "**Pot**\n\nHolds tea.\n\n**Cup**\n\nToo.\n\nH<sub>2</sub>O & 1 < 2"
    )


def test_html_of_a_page_with_every_structure() -> None:
    html = to_html(label_all(RICH))
    assert find_faults(html) == []
    assert '<h1>Tea <a href="/t">at <strong>home</strong></a></h1>' in html
    assert "<code>old_water*</code>.<br>Wait. See this.</p>" in html
    assert "<ul>\n<li>Green\n<ul>\n<li>Sencha</li>\n<li>Matcha</li>\n</ul>\n</li>\n<li>Black</li>\n</ul>" in html
    assert "<tr><td>Green | white</td><td>2<br>or 3</td></tr>" in html
    assert "<pre>if tea:\n    drink(`it`)\n\ndone</pre>" in html
    assert "1 &lt; 2" in html


@pytest.mark.parametrize("write", [to_html, lambda blocks: MARKDOWN.render(to_markdown(blocks))])
def test_written_pages_read_as_the_same_blocks(write: object) -> None:
    assert callable(write)
    texts = [block.text for block in label_all(write(label_all(RICH)))]
    assert texts == [block.text for block in label_all(RICH)]


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<ul><li>a<li>b</ul><ul><li>c</ul>", "- a\n- b\n\n* c"),
        ("<ol><li>a</ol><ol><li>b</ol><ol><li>c</ol>", "1. a\n\n1) b\n\n1. c"),
        ("<ul><li>a<ul><li>b</ul>c</ul>", "- a\n\n  - b\n\n  c"),
        ("<ul><li>a</li><ul><li>b</li></ul><li>c</li></ul>", "- a\n  - b\n- c"),
        ("<div><li>a</li><li>b</li></div>", "- a\n- b"),
        ("<ul><p>a</p></ul>", "a"),
        ("<ul><li><h3>A</h3><p>b</p></li><li><h3>C</h3></li></ul>", "- ### A\n\n  b\n\n- ### C"),
        ("<blockquote>a</blockquote><blockquote>b</blockquote>", "> a\n\n> b"),
        ("<blockquote><ol><li>a<pre>b\nc</pre></ol></blockquote>", "> 1. a\n>\n>    ```\n>    b\n>    c\n>    ```"),
        ("<h2><div>a</div><div>b #</div></h2>", "## a b \\#"),
        ("<pre><div>a ```</div><div>b</div></pre>", "````\na ```\nb\n````"),
        ("<table><tr><td>a<td>b<tr><td><p>c<p>d<p>e<p>f<p>g</table>", "a\n\nb\n\nc\n\nd\n\ne\n\nf\n\ng"),
        ("<table><tr><td>a<tr><td>b</table>", "a\n\nb"),
        ("<table><tr><td>a<td><table><tr><td>b<td>c</table></table>", "a\n\n| b | c |\n| --- | --- |"),
        ("<table><tr><th>a<td>b<td>c<tr><th>d<td><td>e</table>", "| a | b | c |\n| --- | --- | --- |\n| d |  | e |"),
        ("<p>1. a<br># b<br>- c<br>1 - 2", "1\\. a  \n\\# b  \n\\- c  \n1 - 2"),
        ("<p>a<br>===<br>b<br>|--|:--|", "a  \n\\===  \nb  \n\\|--|:--|"),
        ("<p>snake_case _x_ &amp;lt; ~~no~~", "snake_case \\_x\\_ \\&lt; \\~\\~no\\~\\~"),
        ("<p><b>a </b>b <i> c</i>", "**a** b *c*"),
        ("<p>a<b>“b”</b>c", "a“b”c"),
        ("<p><b>a</b><i>b</i>", "**a**b"),
        ("<p><b><i>a</i></b>", "***a***"),
        ("<p>Hey!<a href=/x>b</a>", "Hey\\![b](/x)"),
        ("<p><code>a</code><code>b_</code>", "`a`b\\_"),
        ('<p><a href="/a b">x [y]</a>', "[x \\[y\\]](/a%20b)"),
        ('<p><a href=" java&#10;script:x">y</a>', "y"),
        ("<a href='/x'><h2>a</h2><p>b</p></a>", "## [a](/x)\n\n[b](/x)"),
    ],
)
def test_markdown_of_single_structures(html: str, markdown: str) -> None:
    assert to_markdown(label_all(html)) == markdown


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<ul><li><p>a</p><p>b</p></li><li>c</li></ul>", "a\n\nb\n\nc"),
        ("<table><tr><td>a</td><td></td><td>c</td></tr></table>", "a\t\tc"),
        ("<dl><dt>a</dt><dd>b</dd></dl><p>c", "a\nb\n\nc"),
        ("a<br><br>b", "a\n\nb"),
        ("", ""),
    ],
)
def test_text_of_single_structures(html: str, text: str) -> None:
    assert to_text(label_all(html)) == text


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("https://x.org/?a=1&b", "https://x.org/?a=1&b"),
        ("//x.org", "//x.org"),
        ("#note", "#note"),
        ("a/b:c", "a/b:c"),
        ("mailto:a@b.org", "mailto:a@b.org"),
        ("JavaScript:alert(1)", ""),
        ("\x01javascript:alert(1)", ""),
        ("java\tscript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("vbscript:x", ""),
        ("file:///etc/passwd", ""),
        ("  ", ""),
    ],
)
def test_safe_address(href: str, expected: str) -> None:
    assert safe_address(href) == expected


SPANS = st.lists(
    st.builds(
        Span,
        st.integers(0, 9),
        st.integers(1, 12),
        st.sampled_from(["a", "strong", "em", "code", "sub"]),
        st.just("/x"),
    ),
    max_size=4,
)


def test_overlapping_spans_are_made_to_nest() -> None:
    spans = [Span(0, 5, "em"), Span(3, 9, "strong"), Span(3, 4, "strong"), Span(4, 5, "blink"), Span(-3, 99, "sub")]
    block = LabelledBlock("abcdefghij", Label.CONTENT, spans=tuple(spans))
    assert to_html([block]) == "<p><sub><em>abc<strong>de</strong></em>fghij</sub></p>"


@given(st.text("ab *_`[]\n\"'.<"), SPANS)
def test_spans_nest_and_html_is_well_formed(text: str, spans: list[Span]) -> None:
    tidy = tidy_spans(text, spans)
    assert tidy == tidy_spans(text, tidy)
    for n, span in enumerate(tidy):
        assert all(other.start >= span.end or other.end <= span.end for other in tidy[n + 1 :])
    html = to_html([LabelledBlock(text, Label.CONTENT, spans=tuple(spans))])
    assert find_faults(html) == []
    assert (LexborHTMLParser(html.replace("<br>", "\n")).text() or "").strip() == text.strip()


LINES = st.lists(st.text("ab1.-+=#>*_`~[]()<!/&;:|\\é“”。 ", min_size=1).map(str.strip).filter(bool), min_size=1)


@given(LINES, st.sampled_from(["p", "h2", "li", "blockquote", "td"]))
@example(["a", "---"], "p")
@example(["<!--a"], "p")
@example(["&amp;"], "td")
def test_markdown_escapes_all_markup(lines: list[str], tag: str) -> None:
    text = "\n".join(" ".join(line.split()) for line in lines)
    blocks = [LabelledBlock(text, Label.CONTENT, path=f"/body[1]/{tag}[1]")]
    rendered = LexborHTMLParser(MARKDOWN.render(to_markdown(blocks)))
    assert (rendered.body.text() if rendered.body else "").split() == text.split()
    assert not rendered.css("em, strong, a, code, hr, s, table, img")


@given(st.text("ab.“ *`!", min_size=1, max_size=12).map(str.strip), SPANS)
def test_markdown_with_spans_shows_no_markup(text: str, spans: list[Span]) -> None:
    text = " ".join(text.split())
    markdown = to_markdown([LabelledBlock(text, Label.CONTENT, spans=tuple(spans))])
    rendered = LexborHTMLParser(MARKDOWN.render(markdown))
    assert (rendered.body.text() if rendered.body else "").split() == text.split(), markdown


def label_lines(text: str, labels: dict[str, Label]) -> Page:
    document = split_text(text)
    blocks = [
        LabelledBlock(b.text, labels.get(b.text, Label.CONTENT), start=b.start, end=b.end) for b in document.blocks
    ]
    return Page(tuple(blocks), source_text=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A\n\nB\nC", "A\n\nB\nC"),
        ("  A\nx\n\nB", "A\n\nB"),
        ("A\n\nx\n  B\n", "A\n\nB"),
        ("A\nx\n  B", "A\n  B"),
        ("A\r\n\r\nx\r\nB", "A\r\n\r\nB"),
        ("x\nA\nx", "A"),
        ("x", ""),
        ("", ""),
    ],
)
def test_plain_text_keeps_its_separators(text: str, expected: str) -> None:
    assert label_lines(text, {"x": Label.CHROME}).text == expected


def test_chrome_at_the_end_of_a_line_goes_with_its_space() -> None:
    blocks = [LabelledBlock("A.", Label.CONTENT, end=2), LabelledBlock("More", Label.CHROME, start=3, end=7)]
    assert to_text([*blocks, LabelledBlock("B", Label.CONTENT, start=8, end=9)], "A. More\nB") == "A.\nB"


def test_plain_text_as_markdown_and_html_is_paragraphs() -> None:
    page = label_lines("# A\nb & c\n\nx\n\n\nD", {"x": Label.IMAGE})
    assert page.to_markdown() == "# A\nb & c\n\nD"
    assert page.to_markdown(images=True) == "# A\nb & c\n\nx\n\nD"
    assert page.to_html() == "<p># A<br>b &amp; c</p>\n<p>D</p>"
    assert label_lines("A\nB", {}).to_markdown() == "A\n\nB"
    assert label_lines("A\nB", {}).to_html() == "<p>A</p>\n<p>B</p>"


def test_images_are_kept_on_demand() -> None:
    page = label_lines("A\n\nfox.jpg\n\nB", {"fox.jpg": Label.IMAGE})
    assert page.text == "A\n\nB"
    assert page.to_text(images=True) == to_text(page.blocks, page.source_text, CONTENT_AND_IMAGES) == page.source_text
    picture = LabelledBlock("![a fox](fox.jpg)", Label.IMAGE, path="/body[1]/p[1]")
    assert to_markdown([picture]) == to_html([picture]) == ""
    assert to_markdown([picture], images=True) == "!\\[a fox\\](fox.jpg)"


@pytest.mark.skipif(not SEED.is_dir(), reason="needs ../shared")
def test_seed_page_is_cleaned_to_its_content_lines() -> None:
    text = (SEED / "page.txt").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in (SEED / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
    cleaned = label_lines(text, {row["text"]: Label(row["label"]) for row in rows}).text
    content = [row["text"] for row in rows if row["label"] == "content"]
    assert [line for line in cleaned.splitlines() if line] == content
    assert cleaned == "\n\n".join(content).replace("irakienne.\n\nCette", "irakienne.\nCette")


def test_record_has_only_what_says_something() -> None:
    probabilities = {Label.CONTENT: 0.12345678, Label.IMAGE: 0.0, Label.CHROME: 0.87654321}
    block = LabelledBlock("Share", Label.CHROME, Kind.SHARE, 0.87654321, probabilities, 0.5, path="/p[1]")
    assert json.loads(json.dumps(to_record(block))) == {
        "text": "Share", "label": "chrome", "kind": "share", "confidence": 0.8765, "kind_confidence": 0.5,
        "probabilities": {"content": 0.1235, "image": 0.0, "chrome": 0.8765}, "path": "/p[1]",
    }  # fmt: skip
    assert to_record(LabelledBlock("A", Label.CONTENT, end=1)) == {
        "text": "A", "label": "content", "confidence": 1.0, "start": 0, "end": 1,
    }  # fmt: skip


def test_deep_nesting_is_bounded() -> None:
    path = "/body[1]" + "/blockquote[1]" * 3000
    blocks = [LabelledBlock(f"a{n}", Label.CONTENT, path=f"{path}/p[{n}]") for n in range(20)]
    assert len(to_markdown(blocks)) < 5000
    assert find_faults(to_html(blocks)) == []
