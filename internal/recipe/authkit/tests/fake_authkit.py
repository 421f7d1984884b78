"""An AuthKit on loopback that answers as a test tells it to.

The real SDK speaks to it over HTTP, its key set included.
"""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from workos import WorkOSClient

CLIENT_ID = "client_test"
API_KEY = "sk_test_secret"

USER: dict[str, Any] = {
    "object": "user",
    "id": "user_1",
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": None,
    "email_verified": True,
    "profile_picture_url": None,
    "external_id": None,
    "last_sign_in_at": None,
    "created_at": "2026-01-01T00:00:00.000Z",
    "updated_at": "2026-01-01T00:00:00.000Z",
}


def once(client: type) -> Any:
    """A client that does not try again, as the SDK's 5.x never does."""
    if "max_retries" in signature(client).parameters:
        return partial(client, max_retries=0)
    return client


class FakeAuthKit(ThreadingHTTPServer):
    """Answers /user_management/authenticate and the key set."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.password = Fernet.generate_key().decode()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.environment = {
            "WORKOS_API_KEY": API_KEY,
            "WORKOS_CLIENT_ID": CLIENT_ID,
            "WORKOS_BASE_URL": self.url,
            "WORKOS_REDIRECT_URI": "http://localhost/callback",
            "WORKOS_COOKIE_PASSWORD": self.password,
        }
        self.reset()

    def __enter__(self) -> FakeAuthKit:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def reset(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.answers: list[tuple[int, Any]] = []  # instead of the usual one
        self.claims: dict[str, Any] = {}  # that differ from the usual ones
        self.user = USER
        self.impersonator: dict[str, Any] | None = None
        self.delay = 0.0

    def client(self, of: type = WorkOSClient) -> Any:
        return once(of)(api_key=API_KEY, client_id=CLIENT_ID, base_url=self.url)

    def seal(self, data: dict[str, Any]) -> str:
        """What is in a session cookie, as the SDK seals it."""
        return Fernet(self.password).encrypt(json.dumps(data).encode()).decode()

    def token(self, **claims: Any) -> str:
        now = int(time.time())
        usual = {
            "iss": self.url,
            "sub": "user_1",
            "sid": "session_1",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
        }
        return jwt.encode(
            {**usual, **self.claims, **claims}, self.key, "RS256", {"kid": "key_1"}
        )

    def authenticate(self, body: dict[str, Any]) -> tuple[int, Any]:
        self.requests.append(body)
        time.sleep(self.delay)
        if self.answers:
            return self.answers.pop(0)
        token = self.token()
        self.tokens.append(token)
        acting = {"impersonator": self.impersonator} if self.impersonator else {}
        return 200, {
            **acting,
            "user": self.user,
            "access_token": token,
            "refresh_token": f"refresh_{len(self.requests)}",
            "authentication_method": "Password",
        }

    def secrets(self) -> list[str]:
        """What must never be seen outside of a sealed cookie."""
        verifiers = [r["code_verifier"] for r in self.requests if "code_verifier" in r]
        refreshes = [f"refresh_{n + 1}" for n in range(len(self.requests))]
        return [API_KEY, self.password, *self.tokens, *verifiers, *refreshes]


class Handler(BaseHTTPRequestHandler):
    server: FakeAuthKit  # type: ignore[assignment]

    def do_GET(self) -> None:
        public: Any = self.server.key.public_key()
        jwk = json.loads(RSAAlgorithm.to_jwk(public))
        known = urlsplit(self.path).path == f"/sso/jwks/{CLIENT_ID}"
        keys = [{**jwk, "kid": "key_1", "alg": "RS256", "use": "sig"}]
        self.answer(200 if known else 404, {"keys": keys})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(*self.server.authenticate(json.loads(body)))

    def answer(self, status: int, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.send_response(status)
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
