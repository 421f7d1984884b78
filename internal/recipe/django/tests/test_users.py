"""Runs the tests of users_site, a Django project, once for each kind of user model.

A process has one user model, so each gets a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "model", ["django", "email", "address", "no_username", "name", "birthday"]
)
def test_users(model: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "test"],
        cwd=Path(__file__).parent / "users_site",
        env={**os.environ, "USER_MODEL": model},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ran 0 tests" not in done.stderr
