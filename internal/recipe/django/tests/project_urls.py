"""The root URLconf of the project in the tests."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

import auth_views  # pyright: ignore[reportMissingImports]

LINKS = (
    "{% if request.session.user %}{{ request.session.user.email }}"
    " {% url 'workos_logout' %}{% else %}{% url 'workos_login' %}{% endif %}"
)


def home(request: HttpRequest) -> HttpResponse:
    engine: Any = engines["django"]
    return HttpResponse(engine.from_string(LINKS).render({}, request))


def cart(request: HttpRequest) -> HttpResponse:
    request.session["cart"] = request.session.get("cart", 0) + 1
    return HttpResponse(str(request.session["cart"]))


@auth_views.login_required
def members(request: HttpRequest, room: str = "") -> HttpResponse:
    return HttpResponse(f"{request.session['user']['email']} {room}")


@auth_views.login_required
async def members_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("async")


@method_decorator(auth_views.login_required, name="dispatch")
class Members(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("class")


login_patterns = [
    path("auth/login/", auth_views.login_view, name="workos_login"),
    path("auth/callback/", auth_views.callback_view, name="workos_callback"),
    path("auth/logout/", auth_views.logout_view, name="workos_logout"),
    path("auth/account/", auth_views.account_view, name="workos_account"),
]
urlpatterns = [
    path("", home),
    path("cart/", cart),
    path("members/", members),
    path("members/<str:room>/", members),
    path("async/", members_async),
    path("class/", Members.as_view()),
    *login_patterns,
]
