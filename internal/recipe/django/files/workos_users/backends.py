"""Finds the user of a person who signed in with WorkOS AuthKit, or makes one.

A person is known by the id at WorkOS and by nothing else. Somebody with the email
address of an existing user does not become that user: whoever made the one need not
be who owns the other. Join the two by hand, with a ``WorkOSUser`` (the admin has a page
for it), and only for somebody you know.
"""

from __future__ import annotations

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import IntegrityError, transaction
from django.db.models import EmailField
from django.http import HttpRequest

from .models import WorkOSUser

logger = logging.getLogger(__name__)


class AuthKitBackend(ModelBackend):
    """Takes AuthKit's word for who somebody is; permissions are Django's own."""

    def authenticate(  # type: ignore[override]
        self, _request: HttpRequest | None, authkit_user: dict[str, Any]
    ) -> AbstractBaseUser | None:
        """Return the user of a person as AuthKit describes them, if it is active."""
        user = _find(authkit_user) or _make(authkit_user)
        return user if user and self.user_can_authenticate(user) else None

    def get_user(self, user_id: Any) -> AbstractBaseUser | None:
        """Return a user of the session, and in the same query who that is at WorkOS."""
        users: Any = get_user_model()._default_manager
        user = users.select_related("workos_user").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None


def new_user(person: dict[str, Any]) -> AbstractBaseUser | None:
    """Return a user, not saved yet, for somebody who is here for the first time.

    This is the place to fill what else your user model needs. It returns None where
    every user has an email address of their own and the person's is not verified, or
    belongs to another user.
    """
    model: Any = get_user_model()
    fields = {field.name: field for field in model._meta.concrete_fields}
    email_field = model.get_email_field_name()
    if isinstance(fields[model.USERNAME_FIELD], EmailField):
        email_field = model.USERNAME_FIELD
    email = ""
    if person["email_verified"]:
        email = BaseUserManager.normalize_email(person["email"])
    if email_field in fields and fields[email_field].unique:
        if not email:
            logger.warning("%s: the email address is not verified", person["id"])
            return None
        same = {f"{email_field}__iexact": email}
        if model._base_manager.filter(**same).exists():
            logger.warning("%s: another user has the email address", person["id"])
            return None
    names = [person["first_name"] or "", person["last_name"] or ""]
    values = {
        model.USERNAME_FIELD: person["id"],
        "first_name": names[0],
        "last_name": names[1],
        "name": " ".join(names).strip(),
        "full_name": " ".join(names).strip(),
    }
    known = {
        name: value[: fields[name].max_length]
        for name, value in values.items()
        if name in fields
    }
    if email_field in fields:
        known[email_field] = email
    return model(**known)


def _find(person: dict[str, Any]) -> AbstractBaseUser | None:
    users: Any = get_user_model()._default_manager
    return users.filter(workos_user__workos_id=person["id"]).first()


def _make(person: dict[str, Any]) -> AbstractBaseUser | None:
    user = new_user(person)
    if user is None:
        return None
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
            WorkOSUser.objects.create(user=user, workos_id=person["id"])
    except IntegrityError:
        if found := _find(person):  # made by another request at the same time
            return found
        logger.exception("%s: no user can be made; see new_user", person["id"])
        return None
    return user
