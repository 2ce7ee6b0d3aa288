"""The README's first two commands are what a new user runs, and what CI runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def first_commands() -> list[str]:
    block = re.search(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert block
    return block[1].splitlines()


def test_the_first_block_has_two_lines_that_name_existing_paths() -> None:
    commands = first_commands()
    assert len(commands) == 2
    named = [word for word in shlex.split(" ".join(commands)) if "/" in word and not word.startswith(".venv")]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert "tests/check.py" in commands[1]


@pytest.mark.parametrize("page", ["README.md", "model/README.md", "model/docs/engines.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
