"""Flask-Login for people who are signed in with WorkOS AuthKit.

``init_app`` hooks it up: ``current_user`` and ``@login_required`` of Flask-Login know
them, and its pages for others lead to AuthKit. Sign out by the route of workos_auth.
"""

from __future__ import annotations

from typing import Any

from flask import Request
from flask_login import UserMixin  # pyright: ignore[reportMissingTypeStubs]

from workos_auth import current_user


class User(UserMixin):
    """Who is signed in, by the id at WorkOS; ``person`` is all that AuthKit says."""

    def __init__(self, person: dict[str, Any]) -> None:
        """Take a person as AuthKit describes them."""
        self.person = person
        self.id: str = person["id"]
        self.email: str = person["email"]
        self.first_name: str | None = person["first_name"]
        self.last_name: str | None = person["last_name"]


def init_app(login_manager: Any) -> None:
    """Make a ``LoginManager`` find its user in the session of AuthKit."""
    login_manager.request_loader(load_user)
    if login_manager.login_view is None:
        login_manager.login_view = "workos_auth.login"
        login_manager.login_message = None  # it would be shown after the sign-in


def load_user(_request: Request) -> User | None:
    """Return who is signed in, or None for an anonymous visitor."""
    person = current_user()
    return User(person) if person else None
