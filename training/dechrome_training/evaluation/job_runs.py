"""Corpus jobs run as a user would run them, in processes of their own: timed, watched and killed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

# Runs a function, and writes the CPU seconds of this process and of its children to a file.
_DRIVER: Final = """
import importlib, json, resource, sys
usage, module, name, *sys.argv[1:] = sys.argv[1:]
try:
    getattr(importlib.import_module(module), name)()
finally:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    with open(usage, "w") as stream:
        json.dump([use.ru_utime + use.ru_stime for use in spent], stream)
"""


@dataclass
class Run:
    """What one command took: seconds of wall time, CPU of the parent and of all its children.

    ``memory`` has the MB of each process, by its name, at seconds since the start.
    """

    seconds: float
    parent: float
    children: float
    memory: list[tuple[float, dict[str, float]]] = field(default_factory=list)


def _start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a function of a module, with what follows as its command line."""
    command = [sys.executable, "-c", _DRIVER, "usage.json", *arguments]
    return subprocess.Popen(command, cwd=folder, start_new_session=True)


def _start_clean(folder: Path, file: str, workers: int) -> subprocess.Popen[bytes]:
    return _start(folder, "dechrome.cli", "main", *_arguments(file, workers))


def _arguments(file: str, workers: int) -> list[str]:
    return ["clean", file, "--out", "out", "--quiet", "--workers", str(workers)]


def run_clean(folder: Path, file: str, workers: int, *, watched: bool = False) -> Run:
    """Run one job, from nothing."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    return run_function(folder, "dechrome.cli", "main", *_arguments(file, workers), watched=watched)


def run_function(folder: Path, *arguments: str, watched: bool = False) -> Run:
    """Run a function of a module in a process of its own; records that are quarantined are no failure."""
    samples: list[tuple[float, dict[str, float]]] = []
    begun = time.monotonic()
    process = _start(folder, *arguments)
    if watched:
        threading.Thread(target=_watch, args=(process, samples), daemon=True).start()
    if process.wait() not in (0, 1):
        raise click.ClickException(f"{' '.join(arguments)}: failed")
    seconds = time.monotonic() - begun
    parent, children = json.loads((folder / "usage.json").read_text())
    return Run(seconds, parent, children, samples)


def _watch(process: subprocess.Popen[bytes], samples: list[tuple[float, dict[str, float]]]) -> None:
    """Note the memory of a process group every second: what each process has for itself, and its share of the rest."""
    begun = time.monotonic()
    while process.poll() is None:
        used = {_name_of(member, process.pid): _memory_of(member) for member in _group_of(process.pid)}
        samples.append((time.monotonic() - begun, used))
        time.sleep(1)


def _name_of(process: int, parent: int) -> str:
    return "parent" if process == parent else f"{'worker' if _is_worker(process) else 'other'} {process}"


def _group_of(group: int) -> list[int]:
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getpgid(int(entry.name)) == group:
                    members.append(int(entry.name))
    return members


def _memory_of(process: int) -> float:
    """Return a process's proportional set size in MB, 0 if it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _kill(process: subprocess.Popen[bytes], target: str) -> None:
    """Send SIGKILL to a job's processes, to its parent or to one worker; a job without its parent has ended."""
    if target == "worker":
        workers = [member for member in _group_of(process.pid) if member != process.pid and _is_worker(member)]
        if workers:
            os.kill(workers[0], signal.SIGKILL)
        return
    if target == "parent":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_worker(process: int) -> bool:
    with contextlib.suppress(OSError):
        return b"popen_loky" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def finish_killed(folder: Path, chance: random.Random, kills: int, seconds: float) -> int:
    """Run one job to its end, killing it at random moments, at most so many times; returns how many."""
    done = 0
    process = _start_clean(folder, "pages.jsonl.gz", 2)
    while True:
        try:
            process.wait(timeout=chance.uniform(0.1, 0.6) * seconds if done < kills else None)
            return done
        except subprocess.TimeoutExpired:
            target = chance.choice(("all", "parent", "worker"))
            _kill(process, target)
            done += 1
        if target != "worker":
            process = _start_clean(folder, "pages.jsonl.gz", 2)
