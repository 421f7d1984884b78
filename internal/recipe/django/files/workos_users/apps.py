"""The app of the users who sign in with WorkOS AuthKit."""

from django.apps import AppConfig


class WorkOSUsersConfig(AppConfig):
    """Names the app, and fixes the type of its keys, whatever the site's default."""

    name = "workos_users"
    verbose_name = "WorkOS AuthKit"
    default_auto_field = "django.db.models.BigAutoField"
