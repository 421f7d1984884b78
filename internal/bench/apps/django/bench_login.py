"""The same with a view that the login which authfit added protects."""

from bench_views import urlpatterns as others
from django.http import HttpResponse, JsonResponse
from django.urls import path
from readinglist.auth_views import login_required


@login_required
def bench_protected(request):
    return JsonResponse({"reports": [1, 2, 3]})


def bench_sealed(request):
    """Return the session that the quickstart would keep in a cookie."""
    return HttpResponse(request.session["workos_session"])


urlpatterns = [
    *others,
    path("bench/protected", bench_protected),
    path("bench/sealed", bench_sealed),
]
