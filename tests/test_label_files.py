"""Label files: reading, writing, appending, checking, and what their JSON schema says of them."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dechrome.blocks import Kind, Label
from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage, GoldBlock
from dechrome_training.label_files import (
    Problem,
    append_label,
    check_labels,
    open_labels,
    read_labels,
    write_labels,
)
from dechrome_training.label_rows import FIELDS, check_row, digest, to_page, to_row
from dechrome_training.samples import UNKNOWN, page_samples

ROOT = Path(__file__).resolve().parents[1]
LABELS = ROOT / "datasets" / "labels.jsonl"
TEXT = "Home\nA fox ran."
BLOCKS = [{"text": "Home", "label": "chrome", "kind": "navigation"}, {"text": "A fox ran.", "label": "content"}]
HERE = Path()
STEADY = settings(derandomize=True, deadline=None)


def write_lines(folder: Path, *rows: Any, end: str = "\n") -> Path:
    (folder / "page.txt").write_text(TEXT)
    path = folder / "labels.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + end, encoding="utf-8")
    return path


def make_row(**changes: Any) -> dict[str, Any]:
    row = {"id": "page", "path": "page.txt", "as": "text", "url": None, "language": "en", "page_type": "article"}
    return row | {"blocks": BLOCKS} | changes


def inline(**changes: Any) -> dict[str, Any]:
    return {"id": "page", "text": TEXT, "blocks": BLOCKS} | changes


def test_labels_become_pages(tmp_path: Path) -> None:
    (page,) = read_labels(write_lines(tmp_path, make_row(), ""))
    assert page.text == TEXT
    assert (page.html, page.gold, page.group, page.page_type) == (None, "A fox ran.", "page", "article")
    assert page.file == (tmp_path / "page.txt", digest(TEXT.encode()))
    assert [(block.label, block.kind) for block in page.blocks] == [
        (Label.CHROME, Kind.NAVIGATION),
        (Label.CONTENT, None),
    ]


@pytest.mark.parametrize(
    ("row", "field", "message"),
    [
        ("{", "", "no JSON: Expecting"),
        ("[" * 100_000, "", "no JSON"),
        ([], "", "must be an object"),
        (b"\xff".decode("latin-1"), "", "no JSON"),
        (inline(id=None), "id", "must be a string that is not empty, not null"),
        (inline(version=2), "version", "reads version 1, not 2"),
        (inline(text=None), "html", "one of html, text and path must be there, not none"),
        (inline(html="<p>"), "text", "not html and text"),
        (make_row(path="nowhere.txt"), "path", "nowhere.txt"),
        (make_row(path="a\0b"), "path", "no such file"),
        (make_row(sha256="0" * 64), "sha256", "has changed since it was labelled"),
        (make_row(sha256="0"), "sha256", "must be 64"),
        (make_row(**{"as": "pdf"}), "as", "must be html or text"),
        (make_row(**{"as": None}), "as", "is missing"),
        (inline(url=1), "url", "must be a string or null"),
        (inline(done=1), "done", "must be true, false or null"),
        (inline(must_have="a fox"), "must_have", "must be a list of strings"),
        (inline(gold="A fox ran."), "gold", "stands beside blocks"),
        (inline(blocks=None), "blocks", "is missing"),
        (inline(blocks={}), "blocks", "must be a list"),
        (inline(blocks=["a"]), "blocks[0]", "must be an object"),
        (inline(blocks=[{"label": "content"}]), "blocks[0].text", "is missing"),
        (inline(blocks=[{"text": "a", "label": "content"}, {"text": "b", "label": "?"}]), "blocks[1].label", "must be"),
        (inline(blocks=[{"text": "a", "label": []}]), "blocks[0].label", "must be"),
        (inline(blocks=[{"text": "a", "label": "chrome", "kind": "menu"}]), "blocks[0].kind", "must be cookie_notice"),
        (inline(blocks=[{"text": "a", "label": "content", "kind": "legal"}]), "blocks[0].kind", "only chrome"),
        (inline(blocks=[{"text": 1, "label": "chrome"}]), "blocks[0].text", "must be a string"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_field(tmp_path: Path, row: Any, field: str, message: str) -> None:
    path = write_lines(tmp_path, make_row(id="first"), row)
    (problem,) = check_labels(path)
    assert problem[:3] == (path, 2, field)
    assert message in problem.message
    with pytest.raises(DataError) as refused:
        list(read_labels(path))
    assert str(refused.value) == str(problem)


def test_all_problems_of_a_file_are_found(tmp_path: Path) -> None:
    path = write_lines(tmp_path, inline(id=1, url=1), "{", inline(blocks=[{}]), make_row(path="gone.txt"))
    assert [(problem.line, problem.field) for problem in check_labels(path)] == [
        (1, "id"), (1, "url"), (2, ""), (3, "blocks[0].text"), (3, "blocks[0].label"), (4, "path"),
    ]  # fmt: skip


def test_a_missing_label_file_is_refused_by_name(tmp_path: Path) -> None:
    for read in (read_labels, check_labels):
        with pytest.raises(DataError, match="nowhere"):
            list(read(tmp_path / "nowhere"))


def test_the_sample_pages_are_a_sound_label_file() -> None:
    assert check_labels(LABELS) == []


def test_blocks_that_nobody_has_labelled_are_masked_in_training(tmp_path: Path) -> None:
    text = "Home\nA fox ran.\nIt hid.\nNew since."
    labelled = [*BLOCKS, {"text": "It hid.", "label": None}]
    (page,) = read_labels(write_lines(tmp_path, inline(text=text, blocks=labelled)))
    (sample,) = page_samples(page)
    assert sample.targets.tolist() == [2, 0, UNKNOWN, UNKNOWN]
    assert sample.gold is None


def test_a_later_line_replaces_an_earlier_one(tmp_path: Path) -> None:
    first, second = inline(done=False), inline(blocks=[{"text": TEXT, "label": None}])
    pages = list(read_labels(write_lines(tmp_path, first, inline(id="other"), second)))
    assert [page.id for page in pages] == ["other", "page"]
    assert pages[1].blocks == (GoldBlock(TEXT, None),)
    assert pages[1].gold is None  # nobody has said yet


def test_only_finished_pages_are_read_unless_others_are_asked_for(tmp_path: Path) -> None:
    path = write_lines(tmp_path, inline(), inline(id="half", done=False), inline(id="bare", blocks=None, done=False))
    assert [page.id for page in read_labels(path)] == ["page"]
    assert [(page.id, page.done) for page in read_labels(path, unfinished=True)] == [
        ("page", True), ("half", False), ("bare", False),
    ]  # fmt: skip


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_a_torn_last_line_is_skipped_and_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture, cut: int) -> None:
    torn = json.dumps(inline(id="torn ü"), ensure_ascii=False)[:cut]
    path = write_lines(tmp_path, inline(), torn, end="")
    with caplog.at_level(logging.WARNING):
        assert [page.id for page in read_labels(path)] == ["page"]
    size = len(torn.encode())
    assert caplog.messages == [f"{path}:2: the last line ends in its middle ({size} bytes): skipped"]
    assert [problem.torn for problem in check_labels(path)] == [True]


def test_a_torn_last_line_is_moved_away_before_anything_is_appended(tmp_path: Path) -> None:
    path = write_lines(tmp_path, inline(), '{"id": "torn', end="")
    with open_labels(path) as stream:
        append_label(stream, to_page(inline(id="next"), HERE))
    assert [page.id for page in read_labels(path)] == ["page", "next"]
    assert check_labels(path) == []
    assert (tmp_path / "labels.jsonl.torn").read_text() == '{"id": "torn\n'


def test_a_whole_last_line_without_a_line_end_is_kept(tmp_path: Path) -> None:
    path = write_lines(tmp_path, inline(), end="")
    assert len(list(read_labels(path))) == 1
    with open_labels(path) as stream:
        append_label(stream, to_page(inline(id="next"), HERE))
    assert [page.id for page in read_labels(path)] == ["page", "next"]


def test_what_is_appended_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.jsonl"
    page = to_page(inline(), HERE)
    with open_labels(path) as stream:
        for label in (None, Label.CHROME, Label.CONTENT):
            append_label(stream, changed := replace(page, blocks=(GoldBlock(TEXT, label),), gold=None))
            assert [found.blocks for found in read_labels(path)] == [changed.blocks]
    assert len(path.read_bytes().splitlines()) == 3
    assert write_labels(path, read_labels(path)) == 1  # a file may be written over by its own pages
    assert len(path.read_bytes().splitlines()) == 1


def test_a_file_is_written_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_lines(tmp_path, inline())
    before = path.read_bytes()

    def broken() -> Any:
        yield to_page(inline(id="new"), HERE)
        raise DataError("broken")

    with pytest.raises(DataError, match="broken"):
        write_labels(path, broken())
    assert path.read_bytes() == before
    assert sorted(found.name for found in tmp_path.iterdir()) == ["labels.jsonl", "page.txt"]
    with pytest.raises(DataError, match=r"labels\.jsonl"):
        write_labels(tmp_path / "nowhere" / "labels.jsonl", [])


def test_a_page_that_came_from_a_file_can_be_named_by_its_path(tmp_path: Path) -> None:
    (page,) = read_labels(write_lines(tmp_path, make_row()))
    (tmp_path / "labels").mkdir()
    row = to_row(page, tmp_path / "labels")
    assert (row["path"], row["as"], row["sha256"]) == ("../page.txt", "text", digest(TEXT.encode()))
    assert replace(to_page(row, tmp_path / "labels"), file=page.file) == page
    assert to_row(page)["text"] == TEXT
    (tmp_path / "page.txt").write_text("Another page.")
    with pytest.raises(DataError, match=r"labels\.jsonl:1: field 'sha256'.*changed"):
        list(read_labels(write_changed(tmp_path / "labels" / "labels.jsonl", row)))


def write_changed(path: Path, row: dict[str, Any]) -> Path:
    path.write_text(json.dumps(row) + "\n")
    return path


def test_fields_that_nobody_knows_are_kept(tmp_path: Path) -> None:
    path = write_lines(tmp_path, inline(annotator="Ines", version=1))
    (page,) = read_labels(path)
    assert page.extras == {"annotator": "Ines"}
    assert to_row(page)["annotator"] == "Ines"


def test_the_site_of_a_page_is_its_domain_or_its_host(tmp_path: Path) -> None:
    url = "https://www.fox.example/a"
    path = write_lines(tmp_path, inline(id="a", url=url), inline(id="b", url=url, domain="d.example"), inline(id="c"))
    assert [page.group for page in read_labels(path)] == ["fox.example", "d.example", "c"]


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
blocks = st.builds(
    lambda text, label, kind: GoldBlock(text, label, kind if label is Label.CHROME else None),
    texts, st.sampled_from([*Label, None]), st.sampled_from([*Kind, None]),
)  # fmt: skip
pages = st.builds(
    AnnotatedPage,
    id=texts.filter(bool),
    source=st.sampled_from(["labels", "wcxb"]),
    html=st.just(None),
    text=texts,
    url=st.none() | texts.filter(bool),
    domain=texts.filter(bool),
    language=st.none() | texts,
    page_type=st.none() | texts,
    gold=st.none() | texts,
    must_have=st.lists(texts, max_size=2).map(tuple),
    must_not=st.lists(texts, max_size=2).map(tuple),
    done=st.booleans(),
    extras=st.dictionaries(texts.map("x-{}".format), st.none() | st.integers() | texts, max_size=2),
)


@STEADY
@given(pages, st.lists(blocks, max_size=4), st.booleans())
def test_a_page_survives_its_row(page: AnnotatedPage, labelled: list[GoldBlock], is_html: bool) -> None:
    if is_html:
        page = replace(page, html=page.text, text=None)
    row = json.loads(json.dumps(to_row(page)))
    assert check_row(row) == []
    known = page.gold is not None or page.must_have or page.must_not
    assert to_page(row, HERE) == replace(page, done=page.done and bool(known))
    found = to_page(json.loads(json.dumps(to_row(replace(page, blocks=tuple(labelled))))), HERE)
    assert found.blocks == tuple(labelled)
    assert (found.gold is None) == (any(b.label is None for b in labelled) if labelled else page.gold is None)


def test_lone_surrogates_are_written_and_read(tmp_path: Path) -> None:
    page = AnnotatedPage("a\ud800", "labels", text="x", gold="\udfff")
    write_labels(tmp_path / "labels.jsonl", [page])
    assert list(read_labels(tmp_path / "labels.jsonl")) == [page]


def test_a_problem_reads_as_a_line() -> None:
    assert str(Problem(Path("a.jsonl"), 3, "url", "is odd")) == "a.jsonl:3: field 'url': is odd"


# The JSON schema


def load_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        resources.files("dechrome_training").joinpath("labels.schema.json").read_text(encoding="utf-8")
    )
    return schema


VALIDATOR = jsonschema.Draft202012Validator(load_schema())
values: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, 1.0, 2, "", "a", "html", "text", "content", "chrome", "legal", "0" * 64, [], ["a"], [1],
     {}, [{"text": "a", "label": "chrome", "kind": "legal"}], [{"text": "a", "label": None, "kind": None}]]
)  # fmt: skip
some_blocks = st.lists(st.dictionaries(st.sampled_from(["text", "label", "kind", "x"]), values, max_size=4), max_size=2)
ROWS = (
    inline(),
    make_row(sha256="0" * 64),
    {"id": "a", "html": "<p>", "gold": ""},
    {"id": "a", "text": "", "must_have": ["a"], "must_not": None},
    {"id": "a", "text": "", "done": False},
)


changes_of_a_row = st.dictionaries(st.sampled_from([*sorted(FIELDS), "x"]), values | some_blocks, max_size=3)


@given(st.sampled_from(ROWS), changes_of_a_row, st.lists(st.sampled_from(sorted(FIELDS)), max_size=2))
@example(inline(), {"path": ""}, [])
@example(make_row(), {}, ["as"])
@settings(STEADY, max_examples=600)
def test_the_schema_and_the_reader_agree(row: dict[str, Any], changes: dict[str, Any], dropped: list[str]) -> None:
    changed = {name: value for name, value in (row | changes).items() if name not in dropped}
    assert VALIDATOR.is_valid(changed) == (check_row(changed) == []), (changed, check_row(changed))


@pytest.mark.parametrize("row", [None, 1, "a", []])
def test_the_schema_and_the_reader_agree_that_a_row_is_an_object(row: Any) -> None:
    assert not VALIDATOR.is_valid(row)
    assert check_row(row)


def test_the_schema_describes_every_field_and_knows_every_label_and_kind() -> None:
    schema = load_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == FIELDS
    block = schema["$defs"]["block"]["properties"]
    assert block["label"]["enum"] == [*Label, None]
    assert block["kind"]["enum"] == [*Kind, None]
    assert all("description" in field for field in schema["properties"].values())


def test_the_sample_pages_follow_the_schema() -> None:
    for line in LABELS.read_text(encoding="utf-8").splitlines():
        VALIDATOR.validate(json.loads(line))


@STEADY
@given(pages)
def test_rows_that_are_written_follow_the_schema(page: AnnotatedPage) -> None:
    VALIDATOR.validate(to_row(page))
