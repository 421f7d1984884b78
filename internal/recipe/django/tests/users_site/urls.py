from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

import auth_views  # pyright: ignore[reportMissingImports]


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


def whoami(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(request.user.pk))


async def whoami_async(request: HttpRequest) -> HttpResponse:
    asked: Any = getattr(request, "auser", None)  # since Django 5.0
    user: Any = await asked() if asked else request.user
    return HttpResponse(f"{user.pk} {request.user.pk}")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("plain/", plain),
    path("whoami/", whoami),
    path("whoami/async/", whoami_async),
    path("members/", login_required(whoami)),
    path("links/", permission_required("workos_users.view_workosuser")(whoami)),
    path("auth/login/", auth_views.login_view, name="workos_login"),
    path("auth/callback/", auth_views.callback_view, name="workos_callback"),
    path("auth/logout/", auth_views.logout_view, name="workos_logout"),
    path("auth/account/", auth_views.account_view, name="workos_account"),
]
