"""The root URLconf of a project whose login has every feature."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from project_urls import login_patterns  # pyright: ignore[reportMissingImports]

import auth_views  # pyright: ignore[reportMissingImports]


def home(request: HttpRequest) -> HttpResponse:
    return HttpResponse(get_token(request))


@auth_views.require_role("admin")
def admin(request: HttpRequest) -> HttpResponse:
    return HttpResponse("admin")


@auth_views.require_permission("posts:write")
async def write(request: HttpRequest) -> HttpResponse:
    return HttpResponse("write")


def danger(request: HttpRequest) -> HttpResponse:
    return HttpResponse("danger")


if hasattr(auth_views, "recent_login_required"):  # not with the SDK's 5.x
    danger = auth_views.recent_login_required(300)(danger)


urlpatterns = [
    path("", home),
    path("admin/", admin),
    path("write/", write),
    path("danger/", danger),
    path("auth/signup/", auth_views.sign_up_view, name="workos_sign_up"),
    path("auth/organization/", auth_views.organization_view),
    *login_patterns,
]
