"""What `import dechrome` gives is what it says, no more and no less."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import dechrome

NAMES = frozenset(
    "DechromeError InputError Kind Label LabelledBlock Model ModelError Page Source"
    " clean_html clean_text label_html label_pages label_text label_tree load_model strip_tree".split()
)


def test_public_names_equal_all() -> None:
    public = {name for name, value in vars(dechrome).items() if name[0] != "_" and not isinstance(value, ModuleType)}
    assert sorted(public - {"annotations"}) == sorted(dechrome.__all__)


def test_all_is_sorted_and_what_others_build_on() -> None:
    assert list(dechrome.__all__) == sorted(dechrome.__all__)
    assert set(dechrome.__all__) >= NAMES


def test_public_names_have_docstrings() -> None:
    assert [name for name in dechrome.__all__ if not getattr(dechrome, name).__doc__] == []


def test_import_brings_in_no_training() -> None:
    code = "import sys, dechrome; print(*{'sklearn', 'scipy', 'pandas', 'dechrome_training'} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""
