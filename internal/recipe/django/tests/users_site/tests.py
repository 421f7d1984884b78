"""The users of a Django project, over Django's test client."""

from __future__ import annotations

# pyright: reportMissingImports=false
import time
from contextlib import ExitStack
from importlib import import_module
from io import StringIO
from typing import Any
from unittest import mock, skipIf, skipUnless

import accounts.models
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import AsyncClient, Client, TestCase, override_settings
from fake_authkit import USER, FakeAuthKit, once, query
from workos import WorkOSClient

import auth_views
import workos_users.backends
from workos_authkit import AuthKit
from workos_users.models import WorkOSUser

KIND = accounts.models.KIND
User: Any = get_user_model()
EMAIL = "address" if KIND == "address" else "email"
UNIQUE_EMAIL = User._meta.get_field(EMAIL).unique
NOBODY = b"None"


class UsersTest(TestCase):
    fake: FakeAuthKit

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.fake = FakeAuthKit()
        cls.addClassCleanup(cls.fake.__exit__)
        cls.fake.__enter__()

    def setUp(self) -> None:
        self.fake.reset()
        with ExitStack() as stack:
            redirect = {"WORKOS_REDIRECT_URI": "http://testserver/auth/callback/"}
            stack.enter_context(
                override_settings(**{**self.fake.environment, **redirect})
            )
            stack.enter_context(
                mock.patch.dict("os.environ", WORKOS_BASE_URL=self.fake.url)
            )
            client = once(WorkOSClient)
            stack.enter_context(mock.patch.object(auth_views, "WorkOSClient", client))
            self.addCleanup(stack.pop_all().close)
        auth_views.authkit.cache_clear()
        self.browser = Client(enforce_csrf_checks=True)

    def somebody(self, email: str = "old@example.com", **fields: Any) -> Any:
        """Make a user who is there without AuthKit, and has a password."""
        if User.USERNAME_FIELD == "username":
            fields["username"] = email
        if KIND == "birthday":
            fields["birthday"] = "2000-01-01"
        user = User(**{EMAIL: email}, **fields)
        user.set_password("secret")
        user.save()
        return user

    def sign_in(self, path: str = "/auth/login/", **person: Any) -> Any:
        """Sign in by a path, and return the answer to the callback."""
        self.fake.user = {**USER, **person}
        self.fake.claims = {"sub": self.fake.user["id"]}
        answer = self.browser.get(path)
        if answer["Location"].startswith("/"):
            answer = self.browser.get(answer["Location"])
        state = query(answer["Location"])["state"]
        return self.browser.get(f"/auth/callback/?state={state}&code=c")

    def sign_out(self) -> Any:
        page = self.browser.get("/auth/logout/").content.decode()
        token = page.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
        return self.browser.post("/auth/logout/", {"csrfmiddlewaretoken": token})

    def who(self) -> bytes:
        return self.browser.get("/whoami/").content

    def assert_refused(self, answer: Any) -> None:
        self.assertEqual(answer.status_code, 403)
        self.assertIn(b"no account for you", answer.content)
        self.assertIn(b"sessions/logout", answer.content)
        self.assertIn("no-store", answer["Cache-Control"])
        self.assert_nobody()

    def assert_nobody(self) -> None:
        self.assertEqual(self.who(), NOBODY)
        for path in ("/members/", "/auth/account/"):
            self.assertEqual(self.browser.get(path).status_code, 302, path)


@skipIf(KIND == "birthday", "nobody can sign in")
class SignInTest(UsersTest):
    def test_a_new_user(self) -> None:
        answer = self.browser.get("/members/")
        self.assertEqual(answer["Location"], "/auth/login/?next=/members/")
        answer = self.sign_in("/members/", last_name="Lovelace")
        self.assertEqual(answer["Location"], "/members/")
        user = User.objects.get()
        self.assertEqual(user.workos_user.workos_id, "user_1")
        self.assertEqual(user.email, "ada@example.com")
        self.assertFalse(user.has_usable_password())
        self.assertFalse(user.is_staff or user.is_superuser)
        full = {"email": "full_name", "address": "full_name", "name": "name"}
        name = full.get(KIND, "first_name")
        want = {"full_name": "Ada L", "name": "Ada Lovelace"}.get(name, "Ada")
        self.assertEqual(getattr(user, name), want)
        if User.USERNAME_FIELD == "username":
            self.assertEqual(user.username, "user_1")
        self.assertEqual(self.browser.get("/members/").content, self.key(user))
        self.sign_out()
        self.assert_nobody()
        self.sign_in(email="ada@new.example.com")
        self.assertEqual(self.who(), self.key(user))
        self.assertEqual(User.objects.count(), 1)

    def key(self, user: Any) -> bytes:
        return str(user.pk).encode()

    def test_a_planted_session_is_worth_nothing(self) -> None:
        session: Any = import_module(settings.SESSION_ENGINE).SessionStore()
        session["cart"] = 1
        session.save()
        planted = session.session_key
        self.browser.cookies["sessionid"] = planted
        self.sign_in()
        self.assertNotEqual(self.browser.cookies["sessionid"].value, planted)
        self.assertEqual(self.browser.session["cart"], 1)
        self.browser.cookies["sessionid"] = planted
        self.assert_nobody()

    def test_the_email_of_an_existing_user(self) -> None:
        # Whoever made that user, perhaps to have it joined one day, keeps it alone.
        for verified in (True, False):
            with self.subTest(verified=verified):
                User.objects.all().delete()
                old = self.somebody("Ada@example.com")
                answer = self.sign_in(email_verified=verified)
                if UNIQUE_EMAIL:
                    self.assert_refused(answer)
                    self.assertEqual(User.objects.get(), old)
                    continue
                new = User.objects.exclude(pk=old.pk).get()
                self.assertEqual(self.who(), self.key(new))
                self.assertEqual(new.email, "ada@example.com" if verified else "")
                self.assertFalse(WorkOSUser.objects.filter(user=old).exists())
                self.sign_out()

    def test_a_username_that_is_somebodys_email(self) -> None:
        if User.USERNAME_FIELD != "username":
            return
        self.somebody("ada@example.com")
        self.sign_in()
        self.assertEqual(User.objects.get(workos_user=1).username, "user_1")

    def test_an_unverified_email(self) -> None:
        answer = self.sign_in(email_verified=False)
        if UNIQUE_EMAIL:  # or it would keep the address from who owns it
            self.assert_refused(answer)
            self.assertFalse(User.objects.exists())
        else:
            self.assertEqual(User.objects.get().email, "")

    def test_a_user_joined_by_hand(self) -> None:
        old = self.somebody("ada@example.com")
        WorkOSUser.objects.create(user=old, workos_id="user_1")
        self.sign_in()
        self.assertEqual(self.who(), self.key(old))
        self.assertEqual(User.objects.count(), 1)

    def test_joined_to_another_user_later(self) -> None:
        self.sign_in()
        link = WorkOSUser.objects.get()
        link.user = old = self.somebody()
        link.save()
        self.assertEqual(self.who(), self.key(old))
        link.delete()  # which shuts out: there is no second user for one person
        with self.assertLogs("workos_users.backends", "WARNING"):
            self.assert_nobody()

    def test_two_first_requests_at_once(self) -> None:
        self.sign_in()
        self.sign_out()
        find = workos_users.backends._find
        with mock.patch.object(
            workos_users.backends,
            "_find",
            side_effect=[None, find({"id": "user_1"})],
        ):
            answer = self.sign_in(email="ada@second.example.com")
        self.assertEqual(answer.status_code, 302)
        self.assertEqual(User.objects.count(), 1)

    def test_a_session_from_before_there_were_users(self) -> None:
        self.sign_in()
        session = self.browser.session
        for name in ("_auth_user_id", "_auth_user_backend", "_auth_user_hash"):
            del session[name]
        session.save()
        self.assertEqual(self.who(), self.key(User.objects.get()))

    def test_inactive(self) -> None:
        self.sign_in()
        User.objects.update(is_active=False)
        self.assert_nobody()
        self.assert_refused(self.sign_in())

    def test_inactive_is_seen_by_the_pages_of_the_login_first(self) -> None:
        self.sign_in()
        User.objects.update(is_active=False)
        self.assertEqual(self.browser.get("/auth/account/").status_code, 302)

    def test_the_callback_stays_good_for_once_when_it_is_refused(self) -> None:
        self.sign_in()
        User.objects.update(is_active=False)
        answer = self.sign_in()
        spent = [n for n in answer.cookies if n.startswith("wos_login_")]
        self.assertEqual([answer.cookies[n].value for n in spent], [""])

    def test_sign_out(self) -> None:
        self.sign_in()
        left = self.signed_out()
        old = self.browser.cookies["sessionid"].value
        self.assertIn("session_id=session_1", self.sign_out()["Location"])
        self.assertEqual(left, [User.objects.get()])
        self.assert_nobody()
        self.browser.cookies["sessionid"] = old
        self.assert_nobody()

    def signed_out(self) -> list[Any]:
        """Return a list that gets the users who are signed out from now on."""
        left: list[Any] = []

        def note(user: Any, **_: Any) -> None:
            left.append(user)

        signals.user_logged_out.connect(note)
        self.addCleanup(signals.user_logged_out.disconnect, note)
        return left

    def test_last_login(self) -> None:
        self.sign_in()
        self.assertIsNotNone(User.objects.get().last_login)

    def expire(self, refresh_token: str) -> None:
        expired = self.fake.token(exp=int(time.time()) - 1)
        data = {
            "access_token": expired,
            "refresh_token": refresh_token,
            "user": self.fake.user,
        }
        session = self.browser.session
        session["workos_session"] = self.fake.seal(data)
        session.save()

    def test_a_session_that_authkit_renews(self) -> None:
        self.sign_in()
        self.expire("r")
        self.assertEqual(self.who(), self.key(User.objects.get()))
        self.assertEqual(len(self.fake.requests), 2)

    def test_a_session_that_authkit_has_ended(self) -> None:
        self.sign_in()
        self.expire("ended")
        self.fake.answers = [(400, {"error": "invalid_grant"})]
        left = self.signed_out()
        self.assert_nobody()
        self.assertEqual(left, [User.objects.get()])
        self.assertNotIn("_auth_user_id", self.browser.session)

    def test_authkit_cannot_be_asked(self) -> None:
        self.sign_in()
        keep = mock.patch.object(AuthKit, "load", lambda self, sealed: (None, sealed))
        with keep:
            self.assertEqual(self.who(), NOBODY)
            self.assertEqual(self.visit_async(), b"None None")
        self.assertEqual(self.who(), self.key(User.objects.get()))

    def visit_async(self) -> bytes:
        client = AsyncClient()
        client.cookies.load({"sessionid": self.browser.cookies["sessionid"].value})
        answer: Any = async_to_sync(client.get)("/whoami/async/")
        return answer.content

    def test_async(self) -> None:
        self.sign_in()
        pk = self.key(User.objects.get())
        self.assertEqual(self.visit_async(), pk + b" " + pk)

    def test_another_person_in_the_same_browser(self) -> None:
        self.sign_in()
        first = User.objects.get()
        session = self.browser.session
        session["cart"] = 1
        session.save()
        self.sign_in(id="user_2", email="grace@example.com")
        second = User.objects.exclude(pk=first.pk).get()
        self.assertEqual(self.who(), self.key(second))
        self.assertNotIn("cart", self.browser.session)

    def test_a_password_and_authkit_in_one_browser(self) -> None:
        boss = self.somebody(is_staff=True, is_superuser=True)
        self.browser = Client()
        self.assertTrue(self.browser.login(username=boss.email, password="secret"))
        self.assertEqual(self.browser.get("/admin/").status_code, 200)
        self.sign_in()
        ada = User.objects.exclude(pk=boss.pk).get()
        self.assertEqual(self.who(), self.key(ada))
        self.assertEqual(self.browser.get("/auth/account/").status_code, 200)
        # And back, by the form of the admin.
        form = {"username": boss.email, "password": "secret", "next": "/admin/"}
        self.assertEqual(
            self.browser.post("/admin/login/", form)["Location"], "/admin/"
        )
        self.assertEqual(self.who(), self.key(boss))
        self.assertEqual(self.browser.get("/auth/account/").status_code, 302)

    def test_a_password_reset_signs_out(self) -> None:
        old = self.somebody("ada@example.com")
        WorkOSUser.objects.create(user=old, workos_id="user_1")
        self.sign_in()
        old.set_password("another")
        old.save()
        self.assert_nobody()

    def test_permissions(self) -> None:
        self.sign_in()
        user = User.objects.get()
        self.assertEqual(self.browser.get("/links/").status_code, 302)
        permission = Permission.objects.get(codename="view_workosuser")
        user.user_permissions.add(permission)
        self.assertEqual(self.browser.get("/links/").status_code, 200)
        user.user_permissions.clear()
        self.assertEqual(self.browser.get("/links/").status_code, 302)
        group = Group.objects.create(name="editors")
        group.permissions.add(permission)
        user.groups.add(group)
        self.assertEqual(self.browser.get("/links/").status_code, 200)

    def test_admin(self) -> None:
        self.sign_in()
        self.assertEqual(self.browser.get("/admin/").status_code, 302)
        User.objects.update(is_staff=True)
        self.assertEqual(self.browser.get("/admin/").status_code, 200)
        page = "/admin/workos_users/workosuser/"
        self.assertEqual(self.browser.get(page).status_code, 403)
        User.objects.update(is_superuser=True)
        self.assertContains(self.browser.get(page), "user_1")
        add = self.browser.get(page + "add/")
        self.assertContains(add, "WorkOS user id")

    def test_queries(self) -> None:
        self.sign_in()
        with self.assertNumQueries(2):  # the session, and the user with the link
            self.browser.get("/members/")

    def test_visitors_share_a_cache(self) -> None:
        self.assertNotIn("Vary", self.browser.get("/plain/").headers)
        self.sign_in()
        self.assertIn("Cookie", self.browser.get("/plain/")["Vary"])


class ModelTest(UsersTest):
    def test_migration(self) -> None:
        out = StringIO()
        call_command("makemigrations", "workos_users", check=True, stdout=out)
        self.assertIn("No changes", out.getvalue())
        call_command("check", stdout=out)

    @skipUnless(KIND == "birthday", "all that the model needs is filled")
    def test_a_user_that_cannot_be_made(self) -> None:
        with self.assertLogs("workos_users.backends", "ERROR") as logs:
            self.assert_refused(self.sign_in())
        self.assertIn("see new_user", logs.output[0])
        self.assertFalse(User.objects.exists())

    @override_settings(AUTHENTICATION_BACKENDS=["workos_users.backends.AuthKitBackend"])
    def test_no_password_opens_the_backend(self) -> None:
        user = self.somebody()
        self.assertFalse(Client().login(username=user.email, password="secret"))
