"""Corpus jobs from end to end: nothing lost, nothing doubled, and the same bytes however often they were killed."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dechrome import clean_html, clean_text
from dechrome.batch import addresses
from dechrome.cli import main

ARTICLE = "The ferry leaves the old harbour at noon, and most of those on board have seen the islands before. "
HTML = "<title>Ferry</title><nav><a href='/'>Home</a> <a href='/news'>News</a></nav><h1>Ferry</h1><p>{}</p>"
TEXT = "Home\nNews\n{}\nWe use cookies to improve this site.\nAccept all"

# A job in small steps: many chunks, a checkpoint behind each.
DRIVER = """
import signal, sys
from functools import partial
from dechrome.batch import job
from dechrome.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored in the background
job.SAVE_SECONDS = 0.0
job.split_input = partial(job.split_input, chunk_bytes=int(sys.argv.pop(1)))
main()
"""


def make_records(count: int) -> list[dict[str, Any]]:
    """Records of HTML and text in turn, each with a number of its own in its text."""
    records: list[dict[str, Any]] = []
    for number in range(count):
        body = f"{ARTICLE * (1 + number % 7)} It is trip {number}."
        page = {"html": HTML.format(body)} if number % 2 else {"text": TEXT.format(body)}
        records.append({"id": f"r{number}", "day": number % 31, **page})
    return records


def write_jsonl(path: Path, records: list[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    path.write_bytes(gzip.compress(lines.encode(), mtime=0) if path.suffix == ".gz" else lines.encode())


def make_response(name: str, content_type: str, page: bytes, kind: str = "response") -> bytes:
    """A WARC record of what a server answered, or was asked."""
    start = "HTTP/1.1 200 OK" if kind == "response" else "GET / HTTP/1.1"
    block = f"{start}\r\nContent-Type: {content_type}\r\n\r\n".encode() + page
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:{kind}:{name}>\r\n"
    head += f"Content-Type: application/http; msgtype={kind}\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def write_warc(path: Path, records: list[dict[str, Any]]) -> None:
    """Write records as responses of servers, in turn with the requests for them; each packed by itself."""
    members = []
    for record in records:
        kind = "text/html" if "html" in record else "text/plain"
        page = str(record.get("html") or record["text"]).encode()
        members += [make_response(record["id"], kind, b"", "request"), make_response(record["id"], kind, page)]
    pack: Callable[[bytes], bytes] = partial(gzip.compress, mtime=0) if path.suffix == ".gz" else bytes
    path.write_bytes(b"".join(map(pack, members)))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["clean", *map(str, arguments), "--quiet"], prog_name="dechrome")


def start(chunk_bytes: int, *arguments: object) -> subprocess.Popen[bytes]:
    """Start a job in small steps, in a process group of its own."""
    command = [sys.executable, "-c", DRIVER, str(chunk_bytes), "clean", *map(str, arguments), "--quiet"]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_records_keep_their_fields_and_get_the_text_that_clean_html_gives(here: Path) -> None:
    records = make_records(40)
    write_jsonl(here / "in.jsonl", records)
    assert run("in.jsonl", "--out", "out").exit_code == 0
    written = read_jsonl(here / "out" / "in.jsonl")
    assert [record["id"] for record in written] == [record["id"] for record in records]
    for record, source in zip(written, records, strict=True):
        text = clean_html(source["html"]) if "html" in source else clean_text(source["text"])
        assert record == {"id": source["id"], "day": source["day"], "text": text}
        assert text.strip()


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz"])
def test_labels_point_at_the_text_they_are_of(here: Path, name: str) -> None:
    write_jsonl(here / name, make_records(12))
    assert run(name, "--out", "out", "--labels", "--keep-html").exit_code == 0
    for record in read_jsonl(here / "out" / name):
        pieces = [record["source_text"][start:end] for start, end, label, *_ in record["spans"] if label == "content"]
        assert [piece.strip() for piece in record["text"].splitlines() if piece.strip()] == pieces
        assert {kind for _, _, label, kind, _ in record["spans"] if label == "chrome"} - {None}
        assert all(0 <= confidence <= 1 for *_, confidence in record["spans"])
        assert 0 < record["quality"] <= 1
        assert record["problems"] == []
        assert ("html" in record) == (int(record["id"][1:]) % 2 == 1)


def test_other_fields_are_read_and_written_on_demand(here: Path) -> None:
    rows = [{"key": 1, "page": HTML.format(ARTICLE), "text": "mine"}, {"key": 2, "body": TEXT.format(ARTICLE)}]
    write_jsonl(here / "in.jsonl", rows)
    options = ["--html-field", "page", "--text-field", "body", "--id-field", "key", "--output-field", "clean"]
    assert run("in.jsonl", "--out", "out.jsonl", *options).exit_code == 0
    first, second = read_jsonl(here / "out.jsonl")
    assert (first["key"], first["text"], "page" in first) == (1, "mine", False)
    assert second["body"] == rows[1]["body"]
    assert ARTICLE.strip() in first["clean"]
    assert ARTICLE.strip() in second["clean"]


def test_every_record_is_in_the_output_dropped_or_quarantined(here: Path) -> None:
    good = make_records(30)
    lines = [json.dumps(record) for record in good]
    lines[3:3] = ["{broken", '{"id": "none"}', '{"id": "odd", "html": 7}', "[1, 2]", "", '{"id": "empty", "html": ""}']
    lines.insert(20, '{"id": "short", "text": "Accept all cookies"}')
    (here / "in.jsonl").write_text("\n".join(lines))
    result = run("in.jsonl", "--out", "out", "--min-chars", "10", "--keep-dropped")
    assert result.exit_code == 1
    kept = read_jsonl(here / "out" / "in.jsonl")
    dropped = read_jsonl(here / "out" / "_dechrome" / "dropped.jsonl")
    lost = read_jsonl(here / "out" / "_dechrome" / "quarantine.jsonl")
    assert [record["id"] for record in kept] == [record["id"] for record in good]
    assert [record["id"] for record in dropped] == ["empty", "short"]
    assert [row["id"] for row in lost] == [None, "none", "odd", None]
    text = (here / "in.jsonl").read_text()
    for row in lost:
        assert row["source"] == "in.jsonl"
        assert row["reason"]
        assert text[row["offset"] - 1] == "\n"
    report = json.loads((here / "out" / "_dechrome" / "report.json").read_text())
    assert report["records"] == {"kept": 30, "dropped": 2, "quarantined": 4}
    assert "broken" not in (here / "out" / "_dechrome" / "report.html").read_text()


def test_page_files_and_corpora_go_together(here: Path) -> None:
    (here / "in" / "sub").mkdir(parents=True)
    (here / "in" / "a.html").write_text(HTML.format(ARTICLE))
    (here / "in" / "sub" / "b.txt.gz").write_bytes(gzip.compress(TEXT.format(ARTICLE).encode()))
    write_jsonl(here / "in" / "sub" / "c.jsonl.gz", make_records(5))
    assert run("in", "--out", "out").exit_code == 0
    names = {path.relative_to(here / "out").as_posix() for path in (here / "out").rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith("_dechrome")} == {"a.txt", "sub/b.txt", "sub/c.jsonl.gz"}
    assert ARTICLE.strip() in (here / "out" / "sub" / "b.txt").read_text()
    assert len(read_jsonl(here / "out" / "sub" / "c.jsonl.gz")) == 5


def test_the_same_command_again_has_nothing_to_do_and_another_one_is_refused(here: Path) -> None:
    write_jsonl(here / "in.jsonl", make_records(5))
    assert run("in.jsonl", "--out", "out").exit_code == 0
    written = (here / "out" / "in.jsonl").stat()
    assert run("in.jsonl", "--out", "out").exit_code == 0
    assert (here / "out" / "in.jsonl").stat().st_mtime_ns == written.st_mtime_ns
    refused = run("in.jsonl", "--out", "out", "--labels")
    assert refused.exit_code == 2
    assert "--labels was off and is now on" in refused.stderr
    assert "--restart" in refused.stderr
    write_jsonl(here / "in.jsonl", make_records(6))
    assert "in.jsonl has changed" in run("in.jsonl", "--out", "out").stderr
    assert run("in.jsonl", "--out", "out", "--labels", "--restart").exit_code == 0
    assert "spans" in read_jsonl(here / "out" / "in.jsonl")[0]


def test_a_kept_page_is_text_whatever_it_was_encoded_in(here: Path) -> None:
    pytest.importorskip("fastwarc")
    html = HTML.format(f"{ARTICLE}Die Fähre fährt täglich über den Fluß.")
    pages = [
        ("r0", "text/html; charset=iso-8859-1", html.encode("latin-1")),
        ("r1", "text/html; charset=utf-8", html.encode()),
        ("r2", "text/html", html.replace("<title>", "<meta charset=koi8-r><title>Паром ").encode("koi8-r", "ignore")),
        ("r3", "text/html", b"%PDF-1.7 \xff\xfe"),
        ("r4", "text/plain; charset=iso-8859-1", TEXT.format(f"{ARTICLE}Fähre").encode("latin-1")),
    ]
    (here / "in.warc").write_bytes(b"".join(make_response(*page) for page in pages))
    (here / "page.html").write_bytes(pages[2][2])
    assert run("in.warc", "page.html", "-f", "jsonl", "--out", "out", "--keep-html").exit_code == 0
    first, second, third, binary, text = read_jsonl(here / "out" / "in.jsonl")
    assert first["html"] == second["html"] == html
    assert "Паром" in third["html"]
    assert binary["html"].startswith("data:")
    assert (text["text"], "html" in text) == (clean_text(f"{ARTICLE}Fähre"), False)
    (page,) = read_jsonl(here / "out" / "pages.jsonl")
    assert page["html"] == third["html"]
    assert run("in.warc", "--out", "other.jsonl", "--output-field", "clean").exit_code == 0
    assert [("html" in row, "Fähre" in row.get("text", "")) for row in read_jsonl(here / "other.jsonl")] == [
        *[(False, False)] * 4,
        (False, True),
    ]


def test_site_memory_lowers_what_recurs_on_the_pages_of_a_site(here: Path) -> None:
    motto = "Our paper has told the people of the valley what is new since the railway came, and will do so for long."
    pages = [
        {"id": number, "url": f"https://valley.example/{number}", "text": f"{ARTICLE * 3}Trip {number}.\n\n{motto}"}
        for number in range(40)
    ]
    write_jsonl(here / "in.jsonl", pages)
    texts = []
    for out, option in (("alone", "--quiet"), ("beside", "--site-memory")):
        assert run("in.jsonl", "--out", out, option).exit_code == 0
        texts.append([record["text"] for record in read_jsonl(here / out / "in.jsonl")])
    alone, beside = texts
    assert sum(motto in text for text in beside) < sum(motto in text for text in alone)
    assert all(f"Trip {number}." in text for number, text in enumerate(beside))
    assert not list((here / "beside").rglob("sites*"))


def test_two_runs_of_one_job_keep_out_of_each_others_way(here: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    write_jsonl(here / "in.jsonl", make_records(2))
    (here / "out" / "_dechrome").mkdir(parents=True)
    with (here / "out" / "_dechrome" / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        refused = run("in.jsonl", "--out", "out")
    assert refused.exit_code == 2
    assert "at work here" in refused.stderr


def test_records_go_from_standard_input_to_standard_output(here: Path) -> None:
    records = make_records(7)
    lines = "".join(json.dumps(record) + "\n" for record in records)
    result = CliRunner().invoke(main, ["clean", "-", "--as", "jsonl", "--quiet"], input=lines, prog_name="dechrome")
    assert result.exit_code == 0
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [record["id"] for record in records]
    assert list(here.iterdir()) == []


def wait_for(process: subprocess.Popen[bytes], checkpoint: Path, count: int) -> None:
    """Wait until a job has written so many records."""
    while process.poll() is None:
        if checkpoint.exists() and sum(json.loads(checkpoint.read_text())["statistics"]["records"].values()) >= count:
            return
        time.sleep(0.005)
    raise AssertionError(f"the job ended before record {count}")


def _kill_parent(process: subprocess.Popen[bytes]) -> None:
    os.kill(process.pid, signal.SIGKILL)


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


def _kill_worker(process: subprocess.Popen[bytes]) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [child for child in children if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes()]
    if workers:
        os.kill(int(workers[-1]), signal.SIGKILL)


@pytest.mark.parametrize(
    ("name", "kill"),
    [("in.jsonl", _kill_all), ("in.jsonl.gz", _kill_all), ("in.jsonl.gz", _kill_parent), ("in.jsonl", _kill_worker)],
)
def test_a_job_that_is_killed_ends_with_the_same_bytes(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str, kill: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    (here / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(here / "tmp"))
    if kill is _kill_worker and not Path("/proc/self/task").is_dir():
        pytest.skip("worker processes are found in /proc")
    write_jsonl(here / name, make_records(600))
    finish(start(8_000, name, "--out", "whole", "--labels"))
    chance = random.Random(f"{name}{kill.__name__}")
    process = start(8_000, name, "--out", "killed", "--labels")
    for count in sorted(chance.sample(range(1, 500), 3)):
        wait_for(process, here / "killed" / "_dechrome" / "checkpoint.json", count)
        kill(process)
        if kill is not _kill_worker:
            process.wait()
            process = start(8_000, name, "--out", "killed", "--labels")
    finish(process)
    for file in (name, "_dechrome/quarantine.jsonl"):
        assert (here / "killed" / file).read_bytes() == (here / "whole" / file).read_bytes()
    assert len(read_jsonl(here / "killed" / name)) == 600
    before, after = (json.loads((here / out / "_dechrome" / "report.json").read_text()) for out in ("whole", "killed"))
    for name in ("records", "blocks", "characters", "characters_out", "quality", "languages", "samples"):
        assert before[name] == after[name]
    assert not list((here / "killed").rglob("*.part"))
    assert not (here / "killed" / "_dechrome" / "marks").exists()
    assert not list((here / "tmp").iterdir())


@pytest.mark.parametrize(
    ("name", "options", "kill"),
    [
        ("in.warc.gz", "", _kill_all),
        ("in.warc.gz", "-f jsonl --labels", _kill_worker),
        ("in.warc", "-f jsonl --keep-html", _kill_parent),
    ],
)
def test_a_job_over_warc_that_is_killed_ends_with_the_same_bytes(
    here: Path, name: str, options: str, kill: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    pytest.importorskip("fastwarc")
    if kill is _kill_worker and not Path("/proc/self/task").is_dir():
        pytest.skip("worker processes are found in /proc")
    write_warc(here / name, make_records(300))
    finish(start(8_000, name, "--out", "whole", *options.split()))
    process = start(8_000, name, "--out", "killed", *options.split())
    for count in (100, 350):  # requests count
        wait_for(process, here / "killed" / "_dechrome" / "checkpoint.json", count)
        kill(process)
        if kill is not _kill_worker:
            process.wait()
            process = start(8_000, name, "--out", "killed", *options.split())
    finish(process)
    whole, killed = (outputs_of(here, name) for name in ("whole", "killed"))
    assert len(whole) == 1
    assert killed == whole
    report = json.loads((here / "killed" / "_dechrome" / "report.json").read_text())
    assert report["records"] == {"kept": 300, "passed": 300}


@pytest.mark.parametrize("options", ["--out {}.parquet", "--out {} -f dolma", "--out {} -f markdown"])
def test_every_output_of_a_job_that_is_killed_is_the_same(here: Path, options: str) -> None:
    """Parquet in one file, Dolma's documents and attributes, and a file for each page."""
    if "markdown" in options:
        (here / "in").mkdir()
        for number, record in enumerate(make_records(400)):
            (here / "in" / f"{number:03}{'.html' if 'html' in record else '.txt'}").write_text(
                record.get("html") or record["text"]
            )
        source: object = "in"
    else:
        write_jsonl(here / "in.jsonl", make_records(400))
        source = "in.jsonl"
    finish(start(8_000, source, *options.format("whole").split()))
    process = start(8_000, source, *options.format("killed").split())
    state = here / ("killed.parquet.dechrome" if "parquet" in options else "killed/_dechrome")
    for count in (60, 250):
        wait_for(process, state / "checkpoint.json", count)
        _kill_all(process)
        process.wait()
        process = start(8_000, source, *options.format("killed").split(), "--workers", "1")
    finish(process)
    whole, killed = (outputs_of(here, name) for name in ("whole", "killed"))
    assert len(whole) == {"parquet": 1, "dolma": 2}.get(options.partition("f ")[2] or "parquet", 400)
    assert killed == whole


@pytest.mark.engines
def test_a_job_from_s3_to_s3_that_is_killed_writes_what_a_local_one_writes(bucket: str, here: Path) -> None:
    """The server is on loopback; parent and workers read and write there."""
    (here / "in" / "sub").mkdir(parents=True)
    write_jsonl(here / "in" / "a.jsonl.gz", make_records(300))
    write_jsonl(here / "in" / "sub" / "b.jsonl", make_records(40))
    (here / "in" / "sub" / "page.html").write_text(HTML.format(ARTICLE))
    for path in filter(Path.is_file, (here / "in").rglob("*")):
        addresses.upload(path, f"{bucket}/in/{path.relative_to(here / 'in').as_posix()}")
    finish(start(8_000, "in", "--out", "whole", "--labels"))
    arguments = (f"{bucket}/in", "--out", f"{bucket}/out", "--labels", "--state", "state")
    process = start(8_000, *arguments)
    wait_for(process, here / "state" / "checkpoint.json", 50)
    _kill_all(process)
    process.wait()
    finish(start(8_000, *arguments))
    written = addresses.expand(f"{bucket}/out", bool)
    assert [address.removeprefix(f"{bucket}/out") for address in written] == [
        "/a.jsonl.gz",
        "/sub/b.jsonl",
        "/sub/page.txt",
    ]
    whole = outputs_of(here, "whole")
    assert {address.removeprefix(f"{bucket}/out"): addresses.read_bytes(address) for address in written} == whole
    assert not list((here / "state").rglob("part"))


def outputs_of(folder: Path, name: str) -> dict[str, bytes]:
    """Return what a job has written, without its state."""
    files = [
        path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0].startswith(name)
    ]
    names = {path.relative_to(folder).as_posix().removeprefix(name): path for path in files}
    return {name: path.read_bytes() for name, path in names.items() if "dechrome/" not in name or "attributes" in name}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_job_that_is_interrupted_leaves_nothing_behind_and_goes_on(
    here: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int
) -> None:
    (here / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(here / "tmp"))
    write_jsonl(here / "in.jsonl", make_records(300))
    process = start(8_000, "in.jsonl", "--out", "out")
    wait_for(process, here / "out" / "_dechrome" / "checkpoint.json", 10)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children = workers.read_text().split() if workers.exists() else []
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, b"\ninterrupted; the same command goes on from here\n")
    assert list((here / "tmp").iterdir()) == []
    assert not [child for child in children if is_loky(int(child))]
    finish(start(8_000, "in.jsonl", "--out", "out"))
    assert [record["id"] for record in read_jsonl(here / "out" / "in.jsonl")] == [f"r{n}" for n in range(300)]


def is_loky(process: int) -> bool:
    """Tell whether a process is one of a worker's that runs."""
    try:
        return b"popen_loky" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


# A job whose pages kill their worker, hang or eat all memory where their text says so.
HOSTILE = """
import os, time
from dechrome.batch import cleaning, work as batch_work
read_source = cleaning.read_source
def read(source):
    text = source.text or ""
    if "KILL" in text:
        os.kill(os.getpid(), 9)
    if "HANG" in text:
        time.sleep(600)
    if "EAT" in text:
        return len([bytes(1 << 20) for _ in range(1 << 14)])
    return read_source(source)
cleaning.read_source = read
def work(*arguments):
    return batch_work.work(*arguments)
"""


def test_records_that_kill_hang_or_eat_memory_are_quarantined_and_the_rest_is_done(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "hostile_work.py").write_text(HOSTILE)
    monkeypatch.setenv("PYTHONPATH", str(here))
    records = make_records(40)
    for number, word in ((5, "KILL"), (17, "HANG"), (29, "EAT")):
        records[number] = {"id": f"r{number}", "text": f"{ARTICLE} {word}"}
    write_jsonl(here / "in.jsonl", records)
    driver = DRIVER.replace("main()\n", HOSTILE_DRIVER)
    command = [sys.executable, "-c", driver, "4000", "clean", "in.jsonl", "--out", "out", "--quiet", "--timeout", "5",
               "--worker-memory", "600"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=200, check=False)
    assert done.returncode == 1, done.stderr.decode()
    lost = read_jsonl(here / "out" / "_dechrome" / "quarantine.jsonl")
    assert [row["id"] for row in lost] == ["r5", "r17", "r29"]
    assert [row["reason"].partition(":")[0] for row in lost] == [
        "the worker process died", "took longer than 5 s", "MemoryError"
    ]  # fmt: skip
    kept = [record["id"] for record in read_jsonl(here / "out" / "in.jsonl")]
    assert kept == [f"r{number}" for number in range(40) if number not in (5, 17, 29)]


# Workers import ``hostile`` with the function that they are given.
HOSTILE_DRIVER = """
import hostile_work
job.work = hostile_work.work
main()
"""
