"""The one command before every push: format, lint, types, import order, tests. CI runs the same.

Run as ``python tests/check.py``; arguments go to pytest.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
CHECKS: Final = (
    ("ruff", "format", "--check"),
    ("ruff", "check"),
    ("mypy",),
    ("lint-imports",),
    ("pytest",),
)


def run_checks(arguments: Sequence[str] = ()) -> int:
    """Run every check, also after one has failed, and return how many failed."""
    failed = []
    for check in CHECKS:
        command = [*check, *arguments] if check == ("pytest",) else list(check)
        print(f"$ {shlex.join(command)}", flush=True)
        program = Path(sys.executable).with_name(command[0])  # of this environment, activated or not
        if subprocess.run([program, *command[1:]], cwd=ROOT, check=False).returncode:
            failed.append(shlex.join(command))
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return len(failed)


if __name__ == "__main__":
    sys.exit(1 if run_checks(sys.argv[1:]) else 0)
