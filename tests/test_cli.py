"""The dechrome command, with a stand-in for the model: blocks that say "cookie" are cookie notices."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from dechrome import labelling
from dechrome.batch import cleaning
from dechrome.batch import job as batch_job
from dechrome.batch import work as batch_work
from dechrome.batch.page_files import looks_like_html
from dechrome.batch.records import Chunk
from dechrome.batch.work import MARK, Caution
from dechrome.batch.workers import Work
from dechrome.blocks import Document, Kind, Label, LabelledBlock, Reason
from dechrome.cli import extensions, main
from dechrome.errors import ModelError
from dechrome.html_blocks import split_html
from dechrome.pages import Page
from dechrome.text_blocks import split_text

HTML = "<title>Foxes</title><body><p>A <b>fox</b> ran.</p><div>We use cookies</div><p>It hid.</p><i>fox.jpg</i>"
CLEAN = "A fox ran.\n\nIt hid.\n"


def fake_page(document: Document) -> Page:
    blocks = []
    for block in document.blocks:
        label = Label.IMAGE if block.text.endswith(".jpg") else Label.CONTENT
        if "cookie" in block.text:
            label = Label.CHROME
        kind = Kind.COOKIE_NOTICE if label is Label.CHROME else None
        path = "" if document.is_text else f"/body[1]/p[{block.element}]"
        blocks.append(LabelledBlock(block.text, label, kind, 0.9, {label: 0.9}, 0.8 if kind else None, path,
                                    block.start, block.end, block.spans))  # fmt: skip
    problems = () if blocks else ("the page is empty",)
    return Page(tuple(blocks), document.title, None, 0.75, problems, document.source_text)


def as_text(data: bytes | str) -> str:
    return data.decode() if isinstance(data, bytes) else data


def fake_label_pages(sources: Iterable[labelling.Source], **options: Any) -> Iterator[Page]:
    """Label in one batch, as a real model may: all is read before the first page comes."""
    for source in list(sources):
        is_html = source.html is not None
        yield fake_page(split_html(as_text(source.html or "")) if is_html else split_text(as_text(source.text or "")))


def fake_label_documents(documents: Iterable[Document], *_: object, **__: object) -> list[Page]:
    return [fake_page(document) for document in documents]


def run_chunks_here(chunks: Iterable[Chunk], work: Work[Any], *_: object) -> Iterator[tuple[Chunk, Any]]:
    """Do what worker processes do in this one, where the stand-in is."""
    Path("mark").write_bytes(MARK.pack(-1, 0, 0.0))
    batch_work.open_mark.cache_clear()
    try:
        for number, chunk in enumerate(chunks):
            yield chunk, work(chunk, number, "mark", Caution())
    finally:
        Path("mark").unlink()


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(labelling, "label_pages", fake_label_pages)
    monkeypatch.setattr(labelling, "load_model", lambda folder: f"model of {folder}")
    monkeypatch.setattr(cleaning, "label_documents", fake_label_documents)
    monkeypatch.setattr(batch_job, "run_chunks", run_chunks_here)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages" / "sub").mkdir(parents=True)
    (tmp_path / "pages" / "a.html").write_text(HTML)
    (tmp_path / "pages" / "a.txt").write_text("A cookie\n\nText\n")
    (tmp_path / "pages" / "sub" / "b.htm").write_text(HTML)
    (tmp_path / "pages" / "picture.png").write_bytes(b"\x89PNG")
    (tmp_path / "pages" / ".hidden.html").write_text(HTML)
    return tmp_path


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=stdin, prog_name="dechrome")


def files_below(folder: Path) -> dict[str, str]:
    """Return the files below a folder, without the state of jobs."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_text() for name, path in files.items() if "_dechrome/" not in name}


def test_clean_writes_the_content_to_stdout_and_a_summary_to_stderr() -> None:
    result = run("clean", "pages/a.html")
    assert (result.exit_code, result.stdout) == (0, CLEAN)
    assert result.stderr.splitlines() == [
        "1 page, 38 characters of text in, 17 out (45%)",
        "removed           blocks    characters",
        "cookie_notice          1            14",
        "image                  1             7",
    ]
    assert run("clean", "pages/a.html", "--quiet").output == CLEAN


def test_clean_mirrors_a_folder() -> None:
    result = run("clean", "pages", "--out", "out")
    assert result.exit_code == 0
    assert files_below(Path("out")) == {"a.txt": CLEAN, "a.txt.txt": "Text\n", "sub/b.txt": CLEAN}
    again = run("clean", "pages", "--out", "out")
    assert again.exit_code == 0
    assert len(files_below(Path("out"))) == 3


def test_clean_keeps_two_folders_apart(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "a.html").write_text("<p>More</p>")
    assert run("clean", "pages", "more", "--out", "out/").exit_code == 0
    assert set(files_below(Path("out"))) == {"pages/a.txt", "pages/a.txt.txt", "pages/sub/b.txt", "more/a.txt"}


def test_clean_expands_globs_and_keeps_their_folders() -> None:
    assert run("clean", "pages/**/*.htm*", "--out", "out", "--format", "markdown").exit_code == 0
    written = "A **fox** ran.\n\nIt hid.\n"
    assert files_below(Path("out")) == {"a.md": written, "sub/b.md": written}


def test_an_output_folder_inside_the_input_is_not_read() -> None:
    for _ in range(2):
        assert run("clean", "pages", "--out", "pages/clean", "--format", "html").exit_code == 0
    assert set(files_below(Path("pages/clean"))) == {"a.html", "a.txt.html", "sub/b.html"}


def test_clean_never_writes_over_its_input() -> None:
    Path("pages/picture.png").unlink()
    before = files_below(Path("pages"))
    assert "is the folder of the input" in run("clean", "pages", "--out", "pages").stderr
    assert "would write over" in run("clean", "pages", "--out", "pages/a.txt").stderr
    assert "would write over" in run("clean", "pages/a.txt", "--out", "pages/a.txt").stderr
    assert "would write over" in run("clean", "pages/*.html", "--out", "pages/a.html").stderr
    assert run("clean", "pages/*.html", "--out", "pages", "--format", "html").exit_code == 0
    assert run("clean", "pages/a.html", "pages/a.txt", "--out", "pages", "--restart").exit_code == 0
    after = files_below(Path("pages"))
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"a.html.html", "a.html.txt", "a.txt.txt"}


def test_clean_reads_stdin_as_what_it_looks_like() -> None:
    assert run("clean", "-", "-q", stdin=HTML).output == CLEAN
    assert run("clean", "-", "-q", stdin="A < b\n\ncookies").output == "A < b\n"
    assert run("clean", "-", "-q", "--as", "text", stdin="<p>a</p>").output == "<p>a</p>\n"
    assert run("clean", "-", "-q", "--as", "html", stdin="<p>a</p>").output == "a\n"
    assert run("clean", "-", "--out", "out", stdin=HTML).exit_code == 0
    assert files_below(Path("out")) == {"stdin.txt": CLEAN}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbf<!doctype HTML>", True),
        ("<html><body>Tee".encode("utf-16"), True),
        (b"<?xml version='1.0'?>\n<!-- a -->\n<html>", True),
        (b"Some words <br> and <p>more</p>", True),
        (b"<p>Hello", True),
        (b"\n <DIV class=a>Hello", True),
        (b"<nav>Home</nav><p>A fox.</p>", True),
        (b"<navigator> is a name", False),
        (b"<pre-release> notes", False),
        (b"<p", False),
        (b"# Title\n\nText with <b>bold</b>", False),
        (b"\x00\x01", False),
    ],
)
def test_html_is_told_from_text(data: bytes, expected: bool) -> None:
    assert looks_like_html(data) is expected


@pytest.mark.parametrize("out", ["all.txt", "-"])
def test_several_pages_in_one_stream_have_headers(out: str) -> None:
    result = run("clean", "pages", "--out", out)
    text = result.stdout if out == "-" else Path(out).read_text()
    assert text == f"==> pages/a.html <==\n{CLEAN}\n==> pages/a.txt <==\nText\n\n==> pages/sub/b.htm <==\n{CLEAN}\n"


def test_the_suffix_of_out_chooses_the_format() -> None:
    run("clean", "pages/a.html", "--out", "new/a.md")
    assert Path("new/a.md").read_text() == "A **fox** ran.\n\nIt hid.\n"
    run("clean", "pages/a.html", "--out", "a.html")
    assert "<title>Foxes</title>" in Path("a.html").read_text()
    run("clean", "pages", "--out", "all.jsonl")
    records = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert [record["id"] for record in records] == ["pages/a.html", "pages/a.txt", "pages/sub/b.htm"]
    assert records[0] | {"id": ""} == {
        "id": "", "title": "Foxes", "text": CLEAN.rstrip(), "quality": 0.75, "problems": [],
    }  # fmt: skip
    run("clean", "pages", "--out", "out", "--format", "jsonl")
    assert Path("out/pages.jsonl").read_text() == Path("all.jsonl").read_text()


def test_images_are_kept_on_demand() -> None:
    result = run("clean", "pages/a.html", "--keep", "images")
    assert result.stdout == CLEAN + "\nfox.jpg\n"
    assert "image " not in result.stderr


def test_label_writes_one_line_a_page() -> None:
    result = run("label", "pages", "-q")
    pages = [json.loads(line) for line in result.stdout.splitlines()]
    assert [page["id"] for page in pages] == ["pages/a.html", "pages/a.txt", "pages/sub/b.htm"]
    assert [block["label"] for block in pages[0]["blocks"]] == ["content", "chrome", "content", "image"]
    assert pages[1]["blocks"][0]["kind"] == "cookie_notice"


def test_pages_that_fail_are_listed_and_the_others_written(folder: Path) -> None:
    (folder / "pages" / "empty.html").write_text("")
    (folder / "pages" / "gone.html").symlink_to("nowhere")
    result = run("clean", "pages", "--out", "out", "--quiet")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "2 pages failed:",
        "  pages/empty.html: the page is empty",
        "  pages/gone.html: No such file or directory",
    ]
    assert set(files_below(Path("out"))) == {"a.txt", "a.txt.txt", "sub/b.txt"}
    lines = run("label", "pages/empty.html").stdout.splitlines()
    assert json.loads(lines[0])["problems"] == ["the page is empty"]


def test_a_page_that_cannot_be_written_is_listed() -> None:
    Path("out").mkdir()
    Path("out/sub").write_text("in the way")
    result = run("clean", "pages", "--out", "out")
    assert result.exit_code == 1
    assert "  pages/sub/b.htm: not written: " in result.stderr


def test_text_that_is_no_unicode_is_written_all_the_same() -> None:
    Path("odd.html").write_text("<p>a &#xD800; b</p>")
    assert run("clean", "odd.html", "--out", "odd.md").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["clean"], "Missing argument"),
        (["clean", "nowhere"], "nowhere: no such file or folder"),
        (["clean", "*.zip"], "*.zip: no file matches this pattern"),
        (["clean", "empty"], "empty: no pages here"),
        (["clean", "pages", "--threshold", "2"], "--threshold"),
        (["clean", "pages", "--favor", "speed"], "--favor"),
        (["clean", "pages", "--model", "nowhere"], "--model"),
        (["explain", "pages"], "pages is a folder"),
        (["label", "pages/a.html", "crawl.jsonl"], "crawl.jsonl holds many records: dechrome clean --labels"),
        (["clean", "crawl.jsonl", "--format", "dolma", "--out", "o.jsonl"], "dolma writes a folder"),
        (["clean", "crawl.jsonl", "-", "pages"], "standard input stands alone"),
        (["clean", "crawl.jsonl", "--as", "warc", "--labels", "--out", "o"], "WET has no place for labels"),
        (["clean", "crawl.jsonl", "--out", "o.jsonl", "--engine", "ray"], "ray"),
        (["clean", "crawl.jsonl", "--min-quality", "2"], "--min-quality"),
        (["clena"], "No such command"),
    ],
)
def test_wrong_usage_ends_with_2(folder: Path, arguments: list[str], message: str) -> None:
    (folder / "empty").mkdir()
    (folder / "crawl.jsonl").write_text('{"text": "a"}')
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 141), (ModelError("no model.json"), 2)]
)
def test_interruptions_end_quietly(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    def label_nothing(*_: object, **__: object) -> Iterator[Page]:
        raise error

    monkeypatch.setattr(labelling, "label_pages", label_nothing)
    result = run("clean", "pages")
    assert result.exit_code == code
    assert result.output == ("Error: no model.json\n" if code == 2 else "")


def test_without_a_valid_model_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_model(folder: str | None) -> object:
        raise ModelError(f"{folder}: no model.json")

    monkeypatch.setattr(labelling, "load_model", load_model)
    result = run("clean", "pages", "--out", "all.txt", "--model", "pages")
    assert (result.exit_code, result.stderr) == (2, "Error: pages: no model.json\n")
    assert not Path("all.txt").exists()


def test_options_reach_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, object] = {}

    def label_pages(sources: Iterable[labelling.Source], **options: Any) -> Iterator[Page]:
        seen.update(options)
        return fake_label_pages(sources)

    monkeypatch.setattr(labelling, "label_pages", label_pages)
    run("clean", "pages", "--model", "pages", "--threshold", "0.7", "--favor", "recall", "--trim")
    assert seen == {"model": "model of pages", "threshold": 0.7, "favor": "recall", "trim": True}


def test_explain_shows_the_strongest_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    def explain_source(source: labelling.Source, model: object) -> tuple[Page, list[list[Reason]]]:
        page = fake_page(split_html(as_text(source.html or "")))
        reasons = [Reason("words", 3, 0.2), Reason("<links>", 0.5, -1.25), Reason("in_main", 1, 0.5)]
        return page, [reasons for _ in page.blocks]

    monkeypatch.setattr(labelling, "explain_source", explain_source)
    lines = run("explain", "pages/a.html").stdout.splitlines()
    assert lines[0] == "pages/a.html: expected quality 0.75; 4 blocks: 2 content, 1 image, 1 chrome"
    assert " ".join(lines[2].split()) == "- cookie_notice 0.90 We use cookies <links> -1.25, in_main +0.50"
    assert run("explain", "pages/a.html", "--html", "report.html").exit_code == 0
    report = Path("report.html").read_text()
    assert "&lt;links&gt;" in report
    assert "-1.25 chrome" in report
    assert "cookie_notice" in report
    assert not any(
        outside in report for outside in ("src=", "href=", "url(", "@import", "<script", "http://", "https://")
    )
    assert run("explain", "pages/a.html", "--html", "pages/a.html").exit_code == 2


def test_help_lists_further_commands_without_importing_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "broken_package", raising=False)
    points = {name: EntryPoint(name, value, extensions.ENTRY_POINTS) for name, value in [
        ("train", "broken_package.cli:train"), ("odd", "json:dumps"), ("gone", "json:nothing"), ("clean", "json:x"),
    ]}  # fmt: skip
    monkeypatch.setattr(extensions, "_find_extensions", lambda: points)
    result = run("--help")
    assert result.exit_code == 0
    assert "Train a model on annotated pages." in result.output
    assert "From json." in result.output
    assert "Write what remains" in result.output
    for name, message in [("train", "needs the package broken_package"), ("odd", "is no click command"),
                          ("gone", "cannot be loaded")]:  # fmt: skip
        failed = run(name, "--help")
        assert failed.exit_code == 2
        assert message in failed.stderr


def test_a_further_command_takes_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    @click.option("--size", type=int)
    def grow(size: int) -> None:
        click.echo(size + 1)

    monkeypatch.setattr("json.grow", grow, raising=False)
    point = EntryPoint("grow", "json:grow", extensions.ENTRY_POINTS)
    monkeypatch.setattr(extensions, "_find_extensions", lambda: {"grow": point})
    assert run("grow", "--size", "2").output == "3\n"


def test_a_missing_package_names_its_extra() -> None:
    assert extensions._find_extra("pyarrow") == "corpus"
    assert extensions._find_extra("readability") == "compare"
    assert extensions._find_extra("nothing") == ""
