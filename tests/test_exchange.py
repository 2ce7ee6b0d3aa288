"""Labelling tools: what is exported comes back with the same labels, and what tools write is read, drifted or not."""

from __future__ import annotations

import contextlib
import csv
import html
import io
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from dechrome.blocks import Kind, Label
from dechrome.cli import main
from dechrome.errors import DataError
from dechrome.labelling import load_model
from dechrome_training.corpus import AnnotatedPage, GoldBlock
from dechrome_training.exchange import commands, formats, label_studio, sheets
from dechrome_training.exchange.formats import TOOL_READERS, WRITERS
from dechrome_training.exchange.names import NAMES, format_name, parse_name
from dechrome_training.exchange.pages import Span, cut_page, cut_spans, make_tasks, read_pages
from dechrome_training.exchange.places import read_span
from dechrome_training.importers.records import Outcome
from dechrome_training.label_files import read_labels

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "datasets" / "labels.jsonl"
TOOLS = sorted(WRITERS)
FIELDS = ("text", "data", "html", "id", "label", "labels", "entities", "spans", "answer", "annotations", "completions",
          "result", "value", "type", "start", "end", "start_offset", "end_offset", "was_cancelled", "hypertextlabels",
          "dechrome", "meta", "globalOffsets", "url", "blocks")  # fmt: skip
STEADY = settings(derandomize=True, deadline=None)
FOX = "The quick brown fox ran over the hill at noon."
PAGE = f"Home\nAccept all\n{FOX}"
COOKIES = GoldBlock("Accept all", Label.CHROME, Kind.COOKIE_NOTICE)


def export(tool: str, pages: list[AnnotatedPage], path: Path) -> Path:
    path.write_bytes("".join(WRITERS[tool](make_tasks(pages, load_model()))).encode())
    return path


def bring_back(tool: str, path: Path, pages: Mapping[str, AnnotatedPage] | None = None) -> list[Outcome]:
    return list(TOOL_READERS[tool](path, pages))


def labels_of(page: AnnotatedPage | None) -> list[tuple[str, Label | None, Kind | None]]:
    assert page is not None
    return [(block.text, block.label, block.kind) for block in page.blocks]


def write_json(path: Path, *records: Any, lines: bool = True) -> Path:
    text = "\n".join(json.dumps(record) for record in records) if lines else json.dumps(records)
    path.write_text(text, encoding="utf-8")
    return path


# Names


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_label_and_kind_back(name: str) -> None:
    assert format_name(*parse_name(name)) == name


@pytest.mark.parametrize(
    "name", ["chrome:cookie_notice", "CHROME / Cookie notice", "Cookie-Notice", "chrome|cookie_notice"]
)
def test_names_are_read_leniently(name: str) -> None:
    assert parse_name(name) == (Label.CHROME, Kind.COOKIE_NOTICE)


@pytest.mark.parametrize(
    "name", ["", "/", "menu", "content/legal", "chrome/menu", "chrome/legal/other", "image:chrome"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no label or kind"):
        parse_name(name)


# Round trips


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30) | st.sampled_from(
    ["=1+1", "'=2", "-3", "@x", 'a "b", c; d', "𝒳 🦊", "狐狸跑过了山坡", "مرحبا", FOX, "Accept all"]
)


@st.composite
def labelled_pages(draw: st.DrawFn) -> AnnotatedPage:
    parts = draw(st.lists(texts, min_size=1, max_size=6))
    if draw(st.booleans()):
        body = "".join(f"<p>{html.escape(part).replace('o', '<br>')}</p>" for part in parts)
        page = AnnotatedPage("a", "labels", html=body, url="https://fox.example/")
    else:
        page = AnnotatedPage("a", "labels", text=draw(st.sampled_from(["\n", "\n\n", "\r\n"])).join(parts))
    chance = draw(st.randoms(use_true_random=False))
    blocks = []
    for block in cut_page(page).blocks:
        label = chance.choice([*Label, None])
        kind = chance.choice([*Kind, None]) if label is Label.CHROME else None
        blocks.append(GoldBlock(block.text, label, kind))
    return replace(page, blocks=tuple(blocks), done=draw(st.booleans()))


@pytest.mark.parametrize("tool", TOOLS)
@given(page=labelled_pages())
@settings(STEADY, max_examples=60)
def test_labels_survive_export_and_import(
    tool: str, page: AnnotatedPage, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round-trip.{tool}"
    export(tool, [page], path)
    if (not page.done and tool == "label-studio") or all(block.label is None for block in page.blocks):
        return
    (outcome,) = bring_back(tool, path, {"a": page} if tool == "csv" else None)
    assert outcome.problems == ()
    assert labels_of(outcome.page) == labels_of(page)
    assert outcome.page is not None
    assert (outcome.page.html, outcome.page.text, outcome.page.url) == (page.html, page.text, page.url)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_sample_pages_survive_export_and_import(tool: str, tmp_path: Path) -> None:
    pages = {page.id: page for page in read_labels(LABELS)}
    path = export(tool, list(pages.values()), tmp_path / "tasks")
    outcomes = bring_back(tool, path, pages if tool == "csv" else None)
    assert len(outcomes) == len(pages)
    for outcome in outcomes:
        assert outcome.problems == ()
        assert outcome.page is not None
        before = pages[outcome.page.id]
        assert labels_of(outcome.page) == labels_of(before)
        assert (outcome.page.html, outcome.page.text, outcome.page.gold) == (before.html, before.text, before.gold)
        assert (outcome.page.url, outcome.page.language) == (before.url, before.language)
        assert (outcome.page.page_type, outcome.page.group) == (before.page_type, before.group)


def test_csv_without_the_pages_keeps_every_line_with_its_label(tmp_path: Path) -> None:
    pages = {page.id: page for page in read_labels(LABELS)}
    for outcome in bring_back("csv", export("csv", list(pages.values()), tmp_path / "labels.csv")):
        assert outcome.page is not None
        lines = [
            (" ".join(line.split()), block.label, block.kind)
            for block in pages[outcome.page.id].blocks
            for line in block.text.splitlines()
            if line.strip()
        ]
        assert [(" ".join(text.split()), *rest) for text, *rest in labels_of(outcome.page)] == lines


@pytest.mark.parametrize("tool", TOOLS)
def test_pages_without_labels_go_out_with_those_of_the_model(tool: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f"<nav><a href='/'>Home</a></nav><p>{FOX} {FOX}</p>")
    pages = list(read_pages([str(tmp_path)]))
    assert [page.done for page in pages] == [False]
    text = "".join(WRITERS[tool](make_tasks(pages, load_model())))
    assert "chrome" in text
    assert "content" in text
    if tool == "label-studio":
        (task,) = json.loads(text)
        assert "annotations" not in task
        (prediction,) = task["predictions"]
        assert 0 < prediction["score"] < 1
        assert [region["value"]["labels"] for region in prediction["result"]] == [["chrome/navigation"], ["content"]]
        assert all(0 < region["score"] <= 1 for region in prediction["result"])
        assert task["data"]["text"] == f"Home\n\n{FOX} {FOX}"
    if tool == "csv":
        rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
        assert [float(row["confidence"]) > 0.5 for row in rows] == [True, True]


def test_labels_that_are_not_finished_go_to_label_studio_as_a_prediction() -> None:
    page = AnnotatedPage("a", "labels", text=PAGE, blocks=(GoldBlock("Home", Label.CHROME), COOKIES), done=False)
    (task,) = json.loads("".join(label_studio.write_tasks(make_tasks([page], load_model()))))
    assert "annotations" not in task
    assert [prediction["model_version"] for prediction in task["predictions"]] == ["labels so far", "dechrome"]
    assert len(task["predictions"][0]["result"]) == 2


def test_gold_text_goes_out_as_labels_of_blocks() -> None:
    page = AnnotatedPage("a", "labels", text=PAGE, gold=FOX)
    (task,) = make_tasks([page], load_model())
    assert [block.label for block in task.blocks] == [Label.CHROME, Label.CHROME, Label.CONTENT]


def test_labels_of_text_that_is_gone_are_named_at_export() -> None:
    page = AnnotatedPage("a", "labels", text=PAGE, blocks=(COOKIES, GoldBlock("Mehr lesen", Label.CHROME)))
    (task,) = make_tasks([page], load_model())
    assert task.problems == ('1 labelled blocks found no text on the page, the first is "Mehr lesen"',)
    assert [block.label for block in task.blocks] == [None, Label.CHROME, None]


def test_prodigy_spans_begin_and_end_with_tokens(tmp_path: Path) -> None:
    for line in export("prodigy", list(read_labels(LABELS)), tmp_path / "tasks").read_text().splitlines():
        task = json.loads(line)
        tokens = task["tokens"]
        assert all(task["text"][token["start"] : token["end"]] == token["text"] for token in tokens)
        for span in task["spans"]:
            assert tokens[span["token_start"]]["start"] == span["start"]
            assert tokens[span["token_end"]]["end"] == span["end"]


def test_the_labelling_interface_is_xml_with_every_label() -> None:
    view = ElementTree.fromstring(label_studio.interface())
    assert [label.get("value") for label in view.iter("Label")] == list(NAMES)
    assert [(text.get("name"), text.get("value")) for text in view.iter("Text")] == [("text", "$text")]


# What tools write


def region(start: int, end: int, name: str) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": [name]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "value": value}


def test_the_last_annotation_that_counts_is_read(tmp_path: Path) -> None:
    annotations: list[dict[str, Any]] = [
        {"result": [region(0, 4, "content")], "updated_at": "2025-02-01"},
        {"result": [region(0, 4, "chrome/navigation")], "updated_at": "2025-03-01"},
        {"result": [region(0, 4, "image")], "updated_at": "2025-04-01", "was_cancelled": True},
        {"result": [region(0, 4, "chrome/legal")], "updated_at": "2025-01-01"},
    ]
    tasks = [
        {"id": 1, "data": {"text": PAGE}, "annotations": annotations},
        {"id": 2, "data": {"text": PAGE}, "annotations": [*annotations, annotations[0] | {"ground_truth": True}]},
        {"id": 3, "data": {"text": PAGE}, "annotations": []},
        {"id": 4, "data": {"text": PAGE}, "annotations": annotations[2:3]},
        {"id": 5, "data": {"text": PAGE}},
    ]
    path = write_json(tmp_path / "export.json", *tasks, lines=False)
    first, second, *rest = bring_back("label-studio", path)
    assert labels_of(first.page)[0] == ("Home", Label.CHROME, Kind.NAVIGATION)
    assert labels_of(second.page)[0] == ("Home", Label.CONTENT, None)
    assert first.page is not None
    assert first.page.id == "export-1"
    assert [(outcome.page, outcome.left_out) for outcome in rest] == [(None, "not labelled")] * 3


def test_json_min_is_read(tmp_path: Path) -> None:
    regions = [{"start": 5, "end": 15, "text": "Accept all", "labels": ["chrome:cookie_notice"]}]
    row = {"id": 7, "text": PAGE, "label": regions, "annotator": 1, "lead_time": 2.5}
    bare = {"id": 8, "text": PAGE, "annotator": 1}
    first, second = bring_back("label-studio", write_json(tmp_path / "min.json", row, bare, lines=False))
    assert labels_of(first.page)[1] == ("Accept all", Label.CHROME, Kind.COOKIE_NOTICE)
    assert second.left_out == "not labelled"


def test_the_sample_pages_come_back_from_json_min(tmp_path: Path) -> None:
    pages = list(read_labels(LABELS))
    tasks = json.loads(export("label-studio", pages, tmp_path / "tasks.json").read_text())
    rows = [
        {
            "id": number,
            **task["data"],
            "label": [item["value"] for item in task["annotations"][0]["result"]],
            "annotator": 1,
        }
        for number, task in enumerate(tasks)
    ]
    outcomes = bring_back("label-studio", write_json(tmp_path / "min.json", *rows, lines=False))
    assert [labels_of(outcome.page) for outcome in outcomes] == [labels_of(page) for page in pages]


def test_regions_of_html_are_found_by_their_text(tmp_path: Path) -> None:
    body = f"<ul><li>Home</li></ul><div>Accept\n all</div><p>{FOX}</p>"
    value = {"startOffset": 3, "endOffset": 9, "start": "/div[1]/text()[1]", "end": "/div[1]/text()[1]",
             "globalOffsets": {"start": 977, "end": 999}}  # fmt: skip
    regions = [
        {"type": "hypertextlabels", "value": value | {"text": "Accept all", "hypertextlabels": ["cookie notice"]}},
        {"type": "hypertextlabels", "value": value | {"text": FOX, "hypertextlabels": ["content"],
                                                      "globalOffsets": {"start": 1200, "end": 1300}}},
        {"type": "choices", "value": {"choices": ["article"]}},
    ]  # fmt: skip
    task = {"id": 1, "data": {"html": body}, "annotations": [{"result": regions}]}
    (outcome,) = bring_back("label-studio", write_json(tmp_path / "x.json", task, lines=False))
    assert outcome.problems == ()
    assert outcome.page is not None
    assert outcome.page.html == body
    assert [label for _, label, _ in labels_of(outcome.page)] == [None, Label.CHROME, Label.CONTENT]


@pytest.mark.parametrize(
    ("start", "end", "words", "expected"),
    [
        (2, 5, "fox", (2, 5)),
        (2, 5, None, (2, 5)),
        (3, 6, "fox", (2, 5)),  # UTF-16 units: the first character takes two
        (9, 12, "fox", (8, 11)),
        (90, 93, "fox", (8, 11)),  # drifted: the nearest place
        (0, 1, "fox", (2, 5)),
        (2, 11, "fox a\nfox", (2, 11)),  # other white space
        (2, 11, "foxafox", (2, 11)),
    ],
)
def test_spans_are_found_where_offsets_have_drifted(
    start: int, end: int, words: str | None, expected: tuple[int, int]
) -> None:
    assert read_span("🦊 fox a fox.", start, end, "content", words)[:2] == expected


@pytest.mark.parametrize(
    ("start", "end", "name", "words", "message"),
    [
        (0, 99, "content", None, "outside of the text"),
        (3, 2, "content", None, "outside of the text"),
        (-1, 2, "content", None, "outside of the text"),
        ("0", 2, "content", None, "must be numbers"),
        (None, None, "content", None, "must be numbers"),
        (True, 2, "content", None, "must be numbers"),
        (0, 2, None, None, "label must be a string"),
        (0, 2, "fox", None, "no label or kind: 'fox'"),
        (0, 2, "content", "dog", 'the words "dog" are not in the text'),
    ],
)
def test_spans_that_cannot_be_read_say_why(start: Any, end: Any, name: Any, words: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_span("A fox ran.", start, end, name, words)


def test_spans_may_overlap_if_they_agree() -> None:
    def span(start: int, end: int, kind: Kind | None = None) -> Span:
        return Span(start, end, GoldBlock("", Label.CHROME, kind))

    pieces = cut_spans("abcdefghij", [span(4, 8), span(2, 6), span(3, 5)])
    assert [(piece.text, piece.label) for piece in pieces] == [
        ("ab", None), ("cdef", Label.CHROME), ("gh", Label.CHROME), ("ij", None),
    ]  # fmt: skip
    with pytest.raises(ValueError, match='chrome and chrome/legal overlap: "ef"'):
        cut_spans("abcdefghij", [span(2, 6), span(4, 8, Kind.LEGAL)])
    with pytest.raises(ValueError, match="overlap"):
        cut_spans("abcdefghij", [span(0, 9), span(1, 2), span(3, 4, Kind.LEGAL)])


def test_a_span_may_cover_several_blocks_or_most_of_one(tmp_path: Path) -> None:
    record = {"text": PAGE, "label": [[0, 14, "chrome"], [20, len(PAGE), "content"]]}
    (outcome,) = bring_back("doccano", write_json(tmp_path / "x.jsonl", record))
    assert [label for _, label, _ in labels_of(outcome.page)] == [Label.CHROME, Label.CHROME, Label.CONTENT]


@pytest.mark.parametrize(
    "record",
    [
        {"label": [[5, 15, "chrome/cookie_notice"]]},
        {"labels": [[5, 15, "cookie_notice"]]},
        {
            "entities": [{"id": 1, "start_offset": 5, "end_offset": 15, "label": "chrome/cookie_notice"}],
            "relations": [],
        },
        {"entities": [[5, 15, "chrome/cookie_notice"]]},
    ],
)
def test_what_doccano_writes_in_its_versions_is_read(tmp_path: Path, record: dict[str, Any]) -> None:
    (outcome,) = bring_back("doccano", write_json(tmp_path / "x.jsonl", {"id": 3, "text": PAGE} | record))
    assert labels_of(outcome.page)[1] == ("Accept all", Label.CHROME, Kind.COOKIE_NOTICE)


def test_records_that_prodigy_rejected_are_left_out(tmp_path: Path) -> None:
    spans = [{"start": 5, "end": 15, "label": "chrome/cookie_notice", "token_start": 1, "token_end": 2}]
    answers = ["accept", "reject", "ignore", None, "maybe"]
    records = [{"text": PAGE, "spans": spans, "answer": answer} for answer in answers]
    outcomes = bring_back("prodigy", write_json(tmp_path / "x.jsonl", *records, {"text": PAGE, "answer": "accept"}))
    assert [outcome.page is not None for outcome in outcomes] == [True, False, False, True, False, False]
    assert [outcome.left_out for outcome in outcomes] == ["", "rejected", "ignored", "", "", "not labelled"]
    assert outcomes[4].problems == ("field 'answer': must be accept, reject, ignore, not 'maybe'",)


@pytest.mark.parametrize("tool", ["doccano", "prodigy"])
def test_a_record_that_cannot_be_used_is_named_and_the_others_are_read(tool: str, tmp_path: Path) -> None:
    def record(*spans: tuple[Any, Any, Any]) -> dict[str, Any]:
        if tool == "doccano":
            return {"text": PAGE, "label": [list(span) for span in spans]}
        return {"text": PAGE, "spans": [dict(zip(("start", "end", "label"), span, strict=True)) for span in spans]}

    path = write_json(tmp_path / "x", record((0, 4, "fox")), record((0, 9, "content"), (5, 15, "image")),
                      record((0, 99, "content"), (0, 4, "chrome")))  # fmt: skip
    first, second, third = bring_back(tool, path)
    assert (first.place, first.page) == (f"{path}:1", None)
    assert "span 1: no label or kind: 'fox'" in first.problems[0]
    assert (second.page, second.problems) == (None, ('content and image overlap: "Acce"',))
    assert labels_of(third.page)[0] == ("Home", Label.CHROME, None)
    assert "span 1: 0 to 99 is outside" in third.problems[0]


@pytest.mark.parametrize(
    ("tool", "text", "message"),
    [
        ("prodigy", '{"text": "a"}\n{', r"x:2: no JSON"),
        ("prodigy", '{"spans": []}', r"x:1: field 'text' is missing"),
        ("prodigy", '{"text": "a", "spans": {}}', r"x:1: field 'spans': must be a list"),
        ("prodigy", '{"text": "a", "answer": 1}', r"x:1: field 'answer': must be a string"),
        ("prodigy", '{"text": "a", "spans": [{"start": 0, "end": 1, "label": "image"}], "dechrome": 1}',
         r"x:1: field 'dechrome': must be an object"),
        ("prodigy", '{"text": "a", "spans": [{"start": 0, "end": 1, "label": "image"}], "dechrome": {"id": 1}}',
         r"x:1: field 'dechrome\.id'"),
        ("doccano", "[1]", r"x: record 1: must be an object, not 1"),
        ("doccano", '{"text": 1, "label": []}', r"x:1: field 'text': must be a string, not 1"),
        ("doccano", '{"text": "a"}', r"x:1: field 'label' is missing"),
        ("label-studio", "[", r"x: no JSON"),
        ("label-studio", "3", r"x:1: must be an object, not 3"),
        ("label-studio", '[{"data": 1}]', r"x: record 1: field 'data': must be an object"),
        ("label-studio", '[{"data": {}, "annotations": 1}]', r"x: record 1: field 'annotations': must be a list"),
        ("csv", "", r"x:1: column 'page' is missing"),
        ("csv", "page,number,text\n", r"x:1: column 'label' is missing"),
        ("csv", "page,number,text,label\na,x,b,image\n", r"x:2: column 'number'"),
        ("csv", "page,number,text,label\n,1,b,image\n", r"x:2: column 'page': is empty"),
        ("csv", 'page,number,text,label\na,1,b,image\na,2,"c\nd",fox\n', r"x:3: column 'label': no label or kind"),
        ("csv", "page,number,text,label,kind\na,1,b,content,legal\n", r"x:2: column 'kind'"),
        ("csv", "page,number,text,label,kind\na,1,b,,legal\n", r"x:2: column 'kind'"),
        ("csv", "page,number,text,label,kind\na,1,b,chrome,menu\n", r"x:2: column 'kind'"),
        ("csv", 'page,number,text,label\na,1,"b', r"x:2: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused_by_place_and_field(tool: str, text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        bring_back(tool, path)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 30)
    | st.sampled_from([1.5, "", "a", PAGE, "content", "image", "accept"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
    max_leaves=20,
)
records = st.fixed_dictionaries({"text": st.just(PAGE)}, optional=dict.fromkeys(FIELDS[1:], anything))


@pytest.mark.parametrize("tool", ["doccano", "label-studio", "prodigy"])
@given(found=st.lists(records | anything, min_size=1, max_size=2), lines=st.booleans())
@settings(STEADY, max_examples=100)
def test_whatever_a_record_holds_it_becomes_an_outcome_or_a_refusal(
    tool: str, found: list[Any], lines: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write_json(tmp_path_factory.getbasetemp() / f"anything.{tool}", *found, lines=lines)
    with contextlib.suppress(DataError):
        for outcome in bring_back(tool, path):
            assert outcome.page is not None or outcome.problems or outcome.left_out
            if outcome.page is not None:
                assert any(block.label for block in outcome.page.blocks)


# CSV


@given(st.text("page,number,text,label,kind;\n\"1a\t='", max_size=60))
@STEADY
def test_whatever_a_csv_file_holds_it_becomes_outcomes_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.csv"
    path.write_text(f"page,number,text,label,kind\n{text}", newline="")
    with contextlib.suppress(DataError):
        bring_back("csv", path)


@STEADY
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("'=+-@\t\r1", max_size=5))
def test_no_cell_is_a_formula_and_every_cell_comes_back(cell: str) -> None:
    protected = sheets.protect(cell)
    assert not protected.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert sheets.unprotect(protected) == cell


def test_csv_that_a_spreadsheet_has_saved_is_read(tmp_path: Path) -> None:
    rows = "Page;Number;Text;Label;Note\na;2,0;Früh;Content;x\n;;;;\na;1;Start;Chrome: navigation;\n"
    path = tmp_path / "saved.csv"
    path.write_bytes(rows.replace("2,0", "2.0").replace("\n", "\r\n").encode("cp1252"))
    (outcome,) = bring_back("csv", path)
    assert labels_of(outcome.page) == [("Start", Label.CHROME, Kind.NAVIGATION), ("Früh", Label.CONTENT, None)]


def test_what_a_spreadsheet_has_changed_in_the_text_is_found_by_its_number(tmp_path: Path) -> None:
    page = AnnotatedPage("a", "labels", text=f"3/4\n{FOX}\n1.10\nAccept all")
    path = tmp_path / "x.csv"
    path.write_text(
        f"page,number,text,label\na,1,4-Mar,content\na,2,{FOX},content\na,3,1.1,image\na,4,Accept all,chrome\n"
    )
    (outcome,) = bring_back("csv", path, {"a": page})
    assert outcome.problems == ()
    assert [label for _, label, _ in labels_of(outcome.page)] == [
        Label.CONTENT, Label.CONTENT, Label.IMAGE, Label.CHROME,
    ]  # fmt: skip


def test_a_record_cannot_have_files_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    carried = {"id": "a", "path": str(tmp_path / "secret.txt"), "as": "text"}
    record = {"text": PAGE, "label": [[0, 4, "chrome"]], "dechrome": carried}
    (outcome,) = bring_back("doccano", write_json(tmp_path / "x.jsonl", record))
    assert outcome.page is not None
    assert (outcome.page.text, outcome.page.file) == (PAGE, None)


def test_csv_begins_with_a_byte_order_mark() -> None:
    page = AnnotatedPage("=cmd", "labels", text="=1+1\nA fox", blocks=(GoldBlock("=1+1", Label.IMAGE),))
    data = "".join(sheets.write_tasks(make_tasks([page], load_model()))).encode()
    assert data.startswith(b"\xef\xbb\xbfpage,number,text,label,kind,confidence\r\n'=cmd,1,'=1+1,image,,\r\n")


def test_rows_of_a_page_that_is_not_there_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("page,number,text,label\na,1,Home,chrome\nb,1,Other,chrome\nc,1,Home,\n")
    pages = {"b": AnnotatedPage("b", "labels", text=PAGE), "c": AnnotatedPage("c", "labels", text=PAGE)}
    first, second, third = bring_back("csv", path, pages)
    assert (first.place, first.problems) == (f"{path}:2 (page 'a')", ("no page of the id 'a'",))
    assert second.page is None
    assert second.problems == ('1 labels (all there are) found no text on the page, the first is "Other"',)
    assert third.left_out == "not labelled"


# The commands


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.html").write_text(f"<nav><a href='/'>Home</a></nav><p>{FOX} {FOX}</p>")
    (tmp_path / "pages" / "b.txt").write_text(f"Accept all\n{FOX} {FOX}\n")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("tool", TOOLS)
def test_export_and_import_by_command(folder: Path, tool: str) -> None:
    result = run("export", "pages", "--to", tool, "--out", "out.x")
    assert result.exit_code == 0, result.output
    assert "2 pages written to out.x: 2 with the model's labels" in result.stderr
    if tool == "label-studio":
        assert "labelling interface: out.x.config.xml" in result.stderr
        tasks = json.loads(Path("out.x").read_text())
        for task in tasks:
            task["annotations"] = [{"result": task["predictions"][0]["result"]}]
        Path("out.x").write_text(json.dumps(tasks))
    more = ["--pages", "pages"] if tool == "csv" else []
    result = run("import", "out.x", "--from", tool, "--out", "labels.jsonl", *more)
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert "2 pages written to labels.jsonl" in result.stderr
    pages = list(read_labels(Path("labels.jsonl")))
    assert [page.id for page in pages] == ["pages/a.html", "pages/b.txt"]
    assert [len(page.blocks) for page in pages] == [2, 2]
    assert [page.html is None for page in pages] == [False, True]


def test_problems_are_listed_and_end_with_1(folder: Path) -> None:
    records = [{"text": PAGE, "label": [[0, 4, "chrome"]], "id": 1}, {"text": PAGE, "label": [[0, 4, "fox"]]},
               {"text": PAGE, "label": []}, {"text": PAGE, "label": [[0, 4, "image"]], "id": 1}]  # fmt: skip
    write_json(Path("x.jsonl"), *records)
    result = run("import", "x.jsonl", "--from", "doccano", "--out", "labels.jsonl")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "2 pages written to labels.jsonl; left out: 1 not labelled\n2 problems:\n  x.jsonl:2: "
    )
    assert "x.jsonl:4: page 'x-1' stands at x.jsonl:1 already: the last counts" in result.stderr
    assert [page.blocks[0].label for page in read_labels(Path("labels.jsonl"))] == [Label.IMAGE]


def test_where_nothing_can_be_used_nothing_is_written(folder: Path) -> None:
    write_json(Path("x.jsonl"), {"text": PAGE, "answer": "reject"})
    result = run("import", "x.jsonl", "--from", "prodigy", "--out", "labels.jsonl")
    assert (result.exit_code, result.stderr) == (1, "0 pages written; left out: 1 rejected\n")
    assert not Path("labels.jsonl").exists()


def test_a_malformed_file_ends_with_2_and_leaves_what_was_there(folder: Path) -> None:
    write_json(Path("x.jsonl"), {"text": PAGE, "label": [[0, 4, "chrome"]]}, {"label": []})
    for option in ("--append", "--force"):
        Path("labels.jsonl").write_text("")
        result = run("import", "x.jsonl", "--from", "doccano", "--out", "labels.jsonl", option)
        assert (result.exit_code, result.stderr) == (2, "Error: x.jsonl:2: field 'text' is missing\n")
        assert Path("labels.jsonl").read_text() == ""


def test_append_adds_to_a_label_file(folder: Path) -> None:
    for number, name in enumerate(["chrome", "image"]):
        write_json(Path("x.jsonl"), {"text": PAGE, "label": [[0, 4, name]], "id": number})
        assert run("import", "x.jsonl", "--from", "doccano", "--out", "labels.jsonl", "--append", "-q").exit_code == 0
    assert [page.id for page in read_labels(Path("labels.jsonl"))] == ["x-0", "x-1"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "pages", "--to", "csv", "--out", "there"], "is there already"),
        (["export", "there", "--to", "csv", "--out", "there", "--force"], "is the input"),
        (["export", "nowhere", "--to", "csv", "--out", "x"], "nowhere: no such file or folder"),
        (["export", "pages", "--to", "xml", "--out", "x"], "Invalid value for '--to'"),
        (["export", "bad.jsonl", "--to", "csv", "--out", "x"], "bad.jsonl:1: no JSON"),
        (["export", "pages", "--to", "csv", "--out", "nowhere/x"], "nowhere/x: No such file or directory"),
        (["import", "there", "--from", "csv", "--out", "there"], "is the input"),
        (["import", "bad.jsonl", "--from", "csv", "--out", "there"], "is there already"),
        (["import", "pages", "--from", "csv", "--out", "x"], "pages is a folder: --from csv takes a file"),
        (["import", "pages", "--from", "wcxb", "--out", "x"], "no folder ground-truth"),
        (["import", "pages", "--from", "wcxb", "--out", "x", "--pages", "pages"], "--pages goes with labelling tools"),
        (["import", "there", "--from", "csv", "--out", "x", "--append", "--force"], "exclude each other"),
    ],
)
def test_wrong_usage_ends_with_2(folder: Path, arguments: list[str], message: str) -> None:
    Path("there").write_text("")
    Path("bad.jsonl").write_text("{\n")
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert not Path("x").exists()


def test_the_commands_of_the_training_guide_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    guide = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    section = guide.partition("\n## Label files\n")[2].partition("\n## ")[0]
    found = re.findall(r"^    dechrome (.*)$", section, re.MULTILINE)
    assert {line.split()[0] for line in found} == {"export", "import"}
    for line in found:
        result = run(*shlex.split(line))
        assert result.exit_code == 0, (line, result.output)
        assert "40 pages written" in result.stderr
    pages = list(read_labels(LABELS))
    back = list(read_labels(Path("from_label_studio.jsonl")))
    assert [(page.id, labels_of(page)) for page in back] == [(page.id, labels_of(page)) for page in pages]
    assert len(list(read_labels(Path("checked.jsonl")))) == len(pages)


def test_the_commands_know_the_formats_that_there_are() -> None:
    def choices(command: click.Command, name: str) -> list[str]:
        (option,) = (found for found in command.params if found.name == name)
        assert isinstance(option.type, click.Choice)
        return list(option.type.choices)

    assert choices(commands.export_pages, "tool") == sorted(formats.WRITERS)
    assert choices(commands.import_pages, "source") == [*sorted(formats.TOOL_READERS), *sorted(formats.CORPUS_READERS)]
    assert set(formats.WRITERS) == set(formats.TOOL_READERS)
