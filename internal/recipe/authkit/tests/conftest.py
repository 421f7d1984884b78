"""Finds the generated modules where an app has them: beside each other.

AUTHFIT_MODULES is a folder that ``go run ./internal/render`` has written them to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), os.environ["AUTHFIT_MODULES"]]

from fake_authkit import FakeAuthKit  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[FakeAuthKit]:
    with FakeAuthKit() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> FakeAuthKit:
    """An AuthKit that knows of nothing yet, and an environment that names it."""
    server.reset()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return server
