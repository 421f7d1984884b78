"""The example app with views that are open, and one as the SDK's quickstart has it."""

import os
from functools import wraps

from django.http import JsonResponse
from django.shortcuts import redirect
from django.urls import path
from workos import WorkOSClient

from readinglist.urls import urlpatterns as example

client = WorkOSClient()
cookie_password = os.environ["WORKOS_COOKIE_PASSWORD"]


def with_auth(view):
    @wraps(view)
    def guarded(request):
        session = client.user_management.load_sealed_session(
            session_data=request.COOKIES.get("wos_session", ""),
            cookie_password=cookie_password,
        )
        if session.authenticate().authenticated:
            return view(request)
        return redirect("/login")

    return guarded


def bench_open(request):
    return JsonResponse({"reports": [1, 2, 3]})


def bench_session(request):
    """Open too, but it reads the session that Django keeps in the database."""
    request.session.get("user")
    return JsonResponse({"reports": [1, 2, 3]})


@with_auth
def bench_quickstart(request):
    return JsonResponse({"reports": [1, 2, 3]})


urlpatterns = [
    *example,
    path("bench/open", bench_open),
    path("bench/session", bench_session),
    path("bench/quickstart", bench_quickstart),
]
