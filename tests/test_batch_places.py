"""Where a job's outputs go: one for each input, never over one another, never over an input, on any file system."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dechrome.batch import clean_records, job, outputs
from dechrome.batch.readers import split_input
from dechrome.batch.records import Chunk
from dechrome.batch.results import Result as Done
from dechrome.batch.work import MARK, Caution, open_mark
from dechrome.batch.workers import Work
from dechrome.cli import main

ARTICLE = "The ferry leaves the old harbour at noon, and most of those on board have seen the islands before. "
HTML = f"<title>Ferry</title><nav><a href='/'>Home</a></nav><h1>Ferry</h1><p>{ARTICLE * 2}</p>"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Work in an empty folder, and do what workers do in this process."""

    def run_chunks(chunks: Iterable[Chunk], work: Work[Done], *_: object) -> Iterator[tuple[Chunk, Done]]:
        mark = tmp_path / ".mark"
        mark.write_bytes(MARK.pack(-1, 0, 0.0))
        open_mark.cache_clear()
        for number, chunk in enumerate(chunks):
            yield chunk, work(chunk, number, str(mark), Caution())

    monkeypatch.setattr(job, "run_chunks", run_chunks)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(main, ["clean", *map(str, arguments), "--quiet"], input=stdin, prog_name="dechrome")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def write(path: str, *names: object, **fields: Any) -> bytes:
    """Write records of text with these ids."""
    lines = "".join(json.dumps({"id": name, "text": ARTICLE, **fields}) + "\n" for name in names).encode()
    data = gzip.compress(lines) if path.endswith(".gz") else lines
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(data)
    return data


def ids_in(path: str) -> list[object]:
    data = Path(path).read_bytes()
    lines = (gzip.decompress(data) if path.endswith(".gz") else data).splitlines()
    return [json.loads(line)["id"] for line in lines]


def outputs_in(folder: str) -> set[str]:
    files = {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}
    return {name for name in files if not name.startswith("_dechrome/")}


def test_inputs_of_one_name_have_an_output_each() -> None:
    for name in "abcd":
        write(f"{name}/x.jsonl", name)
    assert run(*(f"{name}/x.jsonl" for name in "abcd"), "--out", "out").exit_code == 0
    assert outputs_in("out") == {"x.jsonl", "x-2.jsonl", "x-3.jsonl", "x-4.jsonl"}
    assert [ids_in(f"out/x{number}.jsonl") for number in ("", "-2", "-3", "-4")] == [["a"], ["b"], ["c"], ["d"]]


def test_pages_and_records_do_not_take_each_others_names() -> None:
    write("in/a.jsonl", 1)
    write("in/pages.jsonl", 2)
    Path("in/a.html").write_text(HTML)
    assert run("in", "--out", "text", "--format", "text").exit_code == 0
    assert outputs_in("text") == {"a.txt", "a.html.txt", "pages.txt"}
    assert run("in", "--out", "records", "--format", "jsonl").exit_code == 0
    assert ids_in("records/pages.jsonl") == [2]
    assert ids_in("records/pages-2.jsonl") == ["in/a.html"]


def test_no_output_takes_the_place_of_an_input() -> None:
    before = write("in/x.jsonl", 1)
    for arguments in (["in/x.jsonl", "--out", "in"], ["in/*.jsonl", "--out", "in/"], ["in", "--out", "in"],
                      ["in/x.jsonl", "--out", "in/x.jsonl"]):  # fmt: skip
        refused = run(*arguments)
        assert refused.exit_code == 2
        assert "choose another" in refused.stderr
    assert Path("in/x.jsonl").read_bytes() == before
    assert run("in/x.jsonl", "--out", "in", "--format", "text").exit_code == 0
    assert outputs_in("in") == {"x.jsonl", "x.txt"}


def test_one_file_gets_the_format_of_its_name() -> None:
    write("in/x.jsonl", 1)
    Path("in/a.html").write_text(HTML)
    assert run("in", "--out", "all.txt").exit_code == 0
    assert Path("all.txt").read_text().count(ARTICLE.strip()) == 3
    assert "id" not in Path("all.txt").read_text()
    assert run("in", "--out", "all.md").exit_code == 0
    assert Path("all.md").read_text().startswith("# Ferry")
    assert run("in", "--out", "-").stdout.count('"id"') == 2
    assert "--out FOLDER" in run("in", "--out", "all.html").stderr
    assert "cannot be written to standard output" in run("in", "--format", "parquet").stderr


def test_what_is_set_aside_lasts_also_for_standard_input() -> None:
    lines = write("x.jsonl", 1) + b"{broken\n"
    for _ in range(2):  # there is nothing to go on from: it is done anew
        result = run("-", "--as", "jsonl", "--out", "out", "--min-chars", "10000", "--keep-dropped", stdin=lines)
        assert result.exit_code == 1
        assert outputs_in("out") == {"stdin.jsonl"}
        assert ids_in("out/_dechrome/dropped.jsonl") == [1]
        assert len(ids_in("out/_dechrome/quarantine.jsonl")) == 1
    assert "--state" in run("x.jsonl", "--keep-dropped").stderr
    assert run("x.jsonl", "--keep-dropped", "--min-chars", "10000", "--state", "state").stdout == ""
    assert ids_in("state/dropped.jsonl") == [1]


def test_a_page_with_a_long_name_is_written() -> None:
    Path("in").mkdir()
    for name in ("x" * 250, "b"):
        Path(f"in/{name}.html").write_text(HTML)
    assert run("in", "--out", "out").exit_code == 0
    assert outputs_in("out") == {"x" * 250 + ".txt", "b.txt"}
    Path("in/" + "y" * 255).write_text(HTML)
    failed = run("in/" + "y" * 255, "in/b.html", "--out", "longer", "--as", "html")
    assert failed.exit_code == 1
    assert "File name too long" in failed.stderr
    assert outputs_in("longer") == {"b.txt"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_read_where_it_is_named_and_passed_over_in_a_folder() -> None:
    lines = write("in/x.jsonl", 1)
    os.mkfifo("in/y.jsonl")
    result = run("in", "--out", "out")
    assert result.exit_code == 1
    assert "in/y.jsonl: a pipe or device" in result.stderr
    assert outputs_in("out") == {"x.jsonl"}
    child = os.fork()
    if not child:
        Path("in/y.jsonl").write_bytes(lines)
        os._exit(0)
    assert run("in/y.jsonl", "--out", "piped").exit_code == 0
    os.waitpid(child, 0)
    assert ids_in("piped/y.jsonl") == [1]


def test_restart_leaves_nothing_of_the_job_before() -> None:
    write("in/x.jsonl", 1)
    write("in/y.jsonl", 2)
    Path("in/a.html").write_text(HTML)
    assert run("in", "--out", "out").exit_code == 0
    Path("in/x.jsonl").unlink()
    Path("out/y.jsonl.part").write_text("half")
    assert run("in", "--out", "out", "--min-chars", "10000", "--restart").exit_code == 0
    assert outputs_in("out") == {"y.jsonl"}
    assert ids_in("out/y.jsonl") == []


def test_a_job_that_is_another_one_is_told_by_what_differs() -> None:
    write("in/x.jsonl", 1)
    assert run("in", "--out", "out", "--min-quality", "0.1").exit_code == 0
    write("in/x.jsonl", 1, 2)
    write("in/y.jsonl", 1)
    message = run("in", "--out", "out", "--labels", "--html-field", "page").stderr
    for words in ("--labels was off and is now on", "--min-quality was 0.1 and is now 0.0",
                  "--html-field was html and is now page", "in/x.jsonl has changed", "in/y.jsonl is new"):  # fmt: skip
        assert words in message
    assert message.count("\n") == 1


def test_an_input_that_changes_while_it_is_read_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    write("in/x.jsonl", *range(100))

    def shorten(*arguments: Any) -> Iterator[Chunk]:
        yield from split_input(*arguments)
        os.truncate("in/x.jsonl", 500)

    monkeypatch.setattr(job, "split_input", shorten)
    result = run("in", "--out", "out")
    assert result.exit_code == 1
    assert "changed while it was read" in result.stderr


def test_an_input_that_cannot_be_read_is_noted_once_however_often_the_job_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("in/x.jsonl", 1)
    Path("in/a.jsonl").symlink_to("nowhere")
    monkeypatch.setattr(job, "SAVE_SECONDS", 0.0)
    finish = job._Run._finish_until

    def stop(self: Any, number: int) -> None:
        if number:
            raise KeyboardInterrupt
        finish(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(job._Run, "_finish_until", stop)
        assert run("in", "--out", "out").exit_code == 130
    assert run("in", "--out", "out").exit_code == 1
    assert len(ids_in("out/_dechrome/quarantine.jsonl")) == 1
    assert json.loads(Path("out/_dechrome/report.json").read_text())["records"] == {"kept": 1, "quarantined": 1}


def test_a_full_disk_ends_the_job_with_the_name_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    write("in/x.jsonl", *range(200))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, limit[1]))
    try:
        failed = run("in", "--out", "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert failed.exit_code == 2
    assert failed.stderr == "Error: out/x.jsonl.part: File too large; the same command goes on from here\n"
    assert run("in", "--out", "out").exit_code == 0
    assert ids_in("out/x.jsonl") == list(range(200))


def test_a_reader_that_goes_away_ends_the_job_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def close(self: object, data: bytes) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(outputs.StandardOutput, "write", close)
    write("x.jsonl", 1)
    result = run("x.jsonl")
    assert (result.exit_code, result.stderr) == (141, "")


def test_remote_folders_are_mirrored_and_never_written_over() -> None:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.store.clear()
    line = json.dumps({"id": 1, "text": ARTICLE}).encode()
    system.pipe({"/b/in/sub/x.jsonl": line, "/b/in/sub/page.html": HTML.encode()})
    assert run("memory://b/in", "--out", "memory://b/in/clean", "--state", "state").exit_code == 0
    assert sorted(system.find("/b/in/clean")) == ["/b/in/clean/sub/page.txt", "/b/in/clean/sub/x.jsonl"]
    assert run("memory://b/in", "--out", "memory://b/in/clean", "--state", "state").exit_code == 0
    assert run("memory://b/in/sub/x.jsonl", "--out", "one").exit_code == 0
    assert run("memory://b/in/*/*.jsonl", "--out", "globbed").exit_code == 0
    assert (outputs_in("one"), outputs_in("globbed")) == ({"x.jsonl"}, {"sub/x.jsonl"})
    for arguments in (["memory://b/in", "--out", "memory://b/in/"], ["memory://b/in/sub/x.jsonl", "--out",
                      "memory://b/in/sub"]):  # fmt: skip
        assert run(*arguments, "--state", "other").exit_code == 2
    assert system.cat("/b/in/sub/x.jsonl") == line


def test_records_before_an_error_of_their_iterator_come_out() -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield {"text": ARTICLE}
        yield {"text": ARTICLE}
        raise ValueError("mine")

    seen: list[object] = []
    with pytest.raises(ValueError, match="mine"):
        seen.extend(clean_records(rows()))
    assert len(seen) == 2
