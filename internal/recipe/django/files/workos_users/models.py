"""Which user of this site a person at WorkOS is."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models


class WorkOSUser(models.Model):
    """Joins a user to the id at WorkOS, which is all that a person is known by."""

    user: models.OneToOneField[AbstractBaseUser, AbstractBaseUser] = (
        models.OneToOneField(
            settings.AUTH_USER_MODEL, models.CASCADE, related_name="workos_user"
        )
    )
    workos_id: models.CharField[str, str] = models.CharField(
        "WorkOS user id", max_length=255, unique=True
    )

    class Meta:
        """What the admin calls it."""

        verbose_name = "WorkOS user"

    def __str__(self) -> str:
        """Return the id, which the WorkOS dashboard shows too."""
        return self.workos_id
