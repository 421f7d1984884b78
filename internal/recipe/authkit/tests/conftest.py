"""Puts the generated modules where an app would have them: beside each other."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "files")]

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
