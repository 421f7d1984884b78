"""A local AuthKit for a test suite: `authfit emulate` on a free port, ended with the suite."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SEED = Path(__file__).with_name("authkit.yaml")


@dataclass
class AuthKit:
    """A running AuthKit, with what an app is told of it and what a test asks it."""

    url: str
    client_id: str
    api_key: str

    def inspect(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Any:
        """Ask the inspector: docs/authkit.md has its paths."""
        request = urllib.request.Request(
            f"{self.url}/_authfit/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@pytest.fixture(scope="session")
def running_authkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuthKit]:
    """One AuthKit for the whole suite; its address is in the first line that it prints.

    It runs in an empty folder, so that it has a key of its own and not that of .env.
    """
    argv = [os.environ.get("AUTHFIT", "authfit"), "emulate"]
    argv += ["-C", str(tmp_path_factory.mktemp("authkit")), "--addr", "127.0.0.1:0"]
    argv += ["--seed", str(SEED.resolve()), "--output", "json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith('{"schema":"authfit.emulate/1"'):
                why = line + process.stdout.read()
                pytest.fail(f"{argv[0]} emulate does not start: {why}", pytrace=False)
            said = json.loads(line)
            yield AuthKit(said["url"], said["client_id"], said["api_key"])
        finally:
            process.terminate()


@pytest.fixture
def authkit(running_authkit: AuthKit, monkeypatch: pytest.MonkeyPatch) -> AuthKit:
    """Give a test the AuthKit as its seeds have it, and its app the variables for it."""
    running_authkit.inspect("POST", "reset")
    monkeypatch.setenv("WORKOS_BASE_URL", running_authkit.url)
    monkeypatch.setenv("WORKOS_CLIENT_ID", running_authkit.client_id)
    monkeypatch.setenv("WORKOS_API_KEY", running_authkit.api_key)
    return running_authkit
