"""The page of the admin on which an existing user is joined to a person at WorkOS."""

from django.contrib import admin

from .models import WorkOSUser

admin.site.register(
    WorkOSUser, list_display=("workos_id", "user"), raw_id_fields=("user",)
)
