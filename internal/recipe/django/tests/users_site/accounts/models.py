"""The user model that USER_MODEL names."""

# One of several classes of one name, each with fields that its base has otherwise.
# pyright: reportAssignmentType=false, reportRedeclaration=false
# pyright: reportIncompatibleVariableOverride=false
from __future__ import annotations

import os
import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser, PermissionsMixin
from django.db import models

KIND = os.environ["USER_MODEL"]


class EmailManager(BaseUserManager[Any]):
    """Takes an email and a password only, as many do."""

    def create_user(self, email: str, password: str | None = None) -> Any:
        user = self.model(email=self.normalize_email(email))
        user.set_password(password)
        user.save()
        return user


if KIND == "email":  # as the documentation of Django has it

    class User(AbstractBaseUser, PermissionsMixin):
        email = models.EmailField(unique=True)
        full_name = models.CharField(max_length=5)
        is_active = models.BooleanField(default=True)
        is_staff = models.BooleanField(default=False)
        USERNAME_FIELD = "email"
        REQUIRED_FIELDS = ["full_name"]
        objects = EmailManager()

elif KIND == "address":  # the field has a name of its own

    class User(AbstractBaseUser, PermissionsMixin):
        address = models.EmailField(unique=True)
        full_name = models.CharField(max_length=5)
        is_active = models.BooleanField(default=True)
        is_staff = models.BooleanField(default=False)
        USERNAME_FIELD = "address"
        objects = EmailManager()

        @property
        def email(self) -> str:
            return self.address

elif KIND == "no_username":

    class User(AbstractUser):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        username = None
        email = models.EmailField(unique=True)
        USERNAME_FIELD = "email"
        REQUIRED_FIELDS = []
        objects = EmailManager()

elif KIND == "name":  # as cookiecutter-django has it

    class User(AbstractUser):
        name = models.CharField(max_length=255, blank=True)
        first_name = None
        last_name = None

elif KIND == "birthday":  # a field that nothing can fill

    class User(AbstractUser):
        birthday = models.DateField()
        REQUIRED_FIELDS = ["birthday"]
