"""Hostile pages get an answer in time linear in their size, and say that they were read as flat text."""

from __future__ import annotations

import time

import pytest

from dechrome.bounds import check_bounds, flatten_html
from dechrome.html_blocks import MAX_FLAT_BLOCKS, split_html


def _number(template: str, count: int) -> str:
    return "".join(template.format(number) for number in range(count))


HOSTILE = {
    "nested div": "<div>" * 100_000 + "end",
    "nested and closed div": "<div>" * 100_000 + "end" + "</div>" * 100_000,
    "nested b": "<b>" * 100_000 + "end",
    "nested table": "<table>" * 100_000 + "end",
    "nested table cells": "<table><tr><td>" * 30_000 + "end",
    "nested lists": "<ul><li>" * 50_000 + "end",
    "alternating list items": "<li><dd>" * 50_000 + "end",
    "forms": "<div><form>" * 50_000 + "end",
    "depth hidden from end tags": "<div><marquee></div></marquee>" * 40_000 + "end",
    "depth hidden in comments": "<div><!--</div>-->" * 50_000 + "end",
    "depth hidden in values": "<div title='></div>'>" * 50_000 + "end",
    "open formatting": _number("<p><b id={}>x", 20_000) + "end",
    "open formatting in closed paragraphs": _number("<p><i class={}></p>", 20_000) + "end",
    "adoption agency": "<b><i>" * 20_000 + "</b></i>" * 20_000 + "end",
    "foster parenting": "<table>" + "x<b>y" * 20_000 + "end",
    "attributes": "<div " + _number("a{} ", 100_000) + ">end",
    "attributes with values": "<div " + _number('a{}="" ', 100_000) + ">end",
    "repeated attributes": "<div " + "a=1 " * 100_000 + ">end",
    "attributes of many body tags": _number("<body a{}=1>", 100_000) + "end",
    "options": "<select>" + "<option>x" * 100_000 + "</select>end",
    "selected options": "<select>" + "<option selected>x" * 19_000 + "</select>end",
    "long value": '<div title="' + "x" * 10_000_000 + '">end',
    "one line": "<p>" + "word " * 2_500_000 + "end",
    "tiny elements": "<b></b>" * 1_000_000 + "end",
    "line breaks": "<br>" * 1_000_000 + "end",
    "paragraphs": "<p>x" * 150_000 + "<p>end",
    "unclosed tags": "end" + "<a" * 100_000,
    "unclosed values": "end" + '<a b="' * 100_000,
    "unclosed comments": "end" + "<!--" * 100_000,
    "unclosed scripts": "end" + "<script>" * 100_000,
    "less-than signs": "end" + "<" * 1_000_000,
    "quotes": "end" + "<a '" * 100_000,
    "many blocks in open links": "<a href=" + "y" * 10_000 + ">" + "<b><i><u>" * 100 + "<div>x</div>" * 20_000 + "end",
    "entities": "&amp;" * 2_500_000 + "end",
    "long numeric entity": "&#" + "9" * 11_000_000 + ";end",
    "nul": "\0" * 1_000_000 + "end",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_gets_an_answer_within_seconds(name: str) -> None:
    page = HOSTILE[name]
    start = time.process_time()
    document = split_html(page)
    assert time.process_time() - start < 10  # 0.02 to 2 s on an idle machine
    text = "".join(block.text for block in document.blocks)
    assert "end" in text
    assert all(problem.endswith("read as flat text") for problem in document.problems)
    if document.problems:
        assert document.source_text is None
        assert not document.tree.tags
        assert {(block.element, block.start, block.end) for block in document.blocks} == {(-1, 0, 0)}


@pytest.mark.parametrize("unit", ["<p>x", "x<b>y", "word "])
def test_fifty_megabytes_get_an_answer(unit: str) -> None:
    document = split_html(unit * (50_000_000 // len(unit)))
    assert len(document.problems) == 1
    assert len(document.blocks) <= MAX_FLAT_BLOCKS + 1


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<p>" * 300_000, "300000 tags"),
        ("<option>" * 5_000, "5000 options"),
        ("<div " + _number("a{} ", 20_000) + ">", "20000 attributes on one tag"),
        ("x" * 11_000_000, "11000000 characters long"),
        ("<div>" * 100_000, "nested over 20000 levels deep"),
        (_number("<p><b id={}>", 20_000), "707 formatting elements left open"),
    ],
)
def test_the_reason_says_what_was_found(page: str, reason: str) -> None:
    assert check_bounds(page) == reason


@pytest.mark.parametrize(
    "page",
    [
        "",
        "x",
        "<",
        "<p>x" * 10_000,
        "<b>x</b> " * 20_000,
        "<i class=icon></i>" * 20_000,
        "<li>x" * 20_000,
        "<table>" + "<tr><td>x<td>y" * 20_000,
        "<div>" * 400 + "x",
        "<script>" + "if (a<b && c>d) x = '<div>' + \"<b id=1>\";" * 20_000 + "</script>",
        '<img src="data:image/png;base64,' + "A" * 1_000_000 + '">',
    ],
)
def test_large_but_harmless_pages_go_to_the_parser(page: str) -> None:
    assert check_bounds(page) == ""
    assert split_html(page).problems == ()


def test_nesting_just_past_the_depth_of_browsers_is_noticed_while_walking() -> None:
    assert split_html("<div>" * 600 + "x").problems == ("nested over 512 levels deep: read as flat text",)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a<b>b</b>c<p>d</p>e", "abc\nd\ne"),
        ("<style>x</style><SCRIPT type='a'>'<p>'</SCRIPT >y<!-- <p>z -->", "y"),
        ("a<!-->b<!--->c<!-- d --!>e<!-- f", "abce"),
        ("a<script>b", "a"),
        ("1 &lt; 2 &amp;amp; &#128578; &notin; &unknown;", "1 < 2 &amp; 🙂 ∉ &unknown;"),
        ("a < b", "a < b"),
    ],
)
def test_flat_text_is_what_stands_between_the_tags(page: str, text: str) -> None:
    assert flatten_html(page).strip() == text
