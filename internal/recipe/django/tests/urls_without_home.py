"""A URLconf as django-admin startproject makes it: nothing at /."""

from __future__ import annotations

from project_urls import login_patterns as urlpatterns

__all__ = ["urlpatterns"]
