"""A Django project with the generated views, and an AuthKit on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

# pytest calls this module django.tests.conftest, and its folder django with that.
sys.modules.pop("django", None)

import django  # noqa: E402
import pytest  # noqa: E402
from django.conf import settings  # noqa: E402

HERE = Path(__file__).parent
AUTHKIT = HERE.parents[1] / "authkit"
sys.path[:0] = [str(HERE), str(AUTHKIT / "tests"), os.environ["AUTHFIT_MODULES"]]

from fake_authkit import (  # noqa: E402  # pyright: ignore[reportMissingImports]
    FakeAuthKit,
    once,
)

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests only",  # noqa: S106
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="project_urls",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "context_processors": ["django.template.context_processors.request"]
                },
            }
        ],
    )
    django.setup()


@pytest.fixture(scope="session")
def server() -> Iterator[FakeAuthKit]:
    with FakeAuthKit() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> FakeAuthKit:
    """An AuthKit that knows of nothing yet, and settings that name it."""
    from workos import WorkOSClient

    import auth_views  # pyright: ignore[reportMissingImports]

    server.reset()
    monkeypatch.setattr(auth_views, "WorkOSClient", once(WorkOSClient))
    monkeypatch.setenv("WORKOS_BASE_URL", server.url)
    for name, value in server.environment.items():
        monkeypatch.setattr(settings, name, value, raising=False)
    monkeypatch.setattr(
        settings,
        "WORKOS_REDIRECT_URI",
        "http://testserver/auth/callback/",
        raising=False,
    )
    auth_views.authkit.cache_clear()
    return server
