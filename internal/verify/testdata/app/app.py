"""A small app whose login is right. The tests break it, one line at a time."""

import base64
import hashlib
import os
import secrets

from dotenv import load_dotenv
from flask import Flask, abort, jsonify, make_response, redirect, request, session, url_for
from markupsafe import escape
from workos import WorkOSClient
from workos.session import seal_session_from_auth_response

load_dotenv()

app = Flask(__name__)
app.secret_key = "only for tests, " + os.environ["APP_SECRET"]

workos = WorkOSClient(
    api_key=os.environ["WORKOS_API_KEY"],
    client_id=os.environ["WORKOS_CLIENT_ID"],
)
password = os.environ["WORKOS_COOKIE_PASSWORD"]


def current():
    loaded = workos.user_management.load_sealed_session(
        session_data=request.cookies.get("wos_session", ""), cookie_password=password
    )
    answer = loaded.authenticate()
    return answer if answer.authenticated else None


@app.get("/")
def home():
    signed_in = current()
    return f"<p>Hello {escape(signed_in.user['email'])}</p>" if signed_in else "<p>Hello</p>"


@app.get("/login")
def login():
    verifier = secrets.token_urlsafe(48)
    state = secrets.token_urlsafe(32)
    digest = hashlib.sha256(verifier.encode()).digest()
    pending = {state: [verifier, request.args.get("next", "/")]}
    session["pending"] = pending
    return redirect(
        workos.user_management.get_authorization_url(
            provider="authkit",
            redirect_uri=os.environ["WORKOS_REDIRECT_URI"],
            state=state,
            code_challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            code_challenge_method="S256",
        )
    )


@app.get("/callback")
def callback():
    if request.args.get("error"):
        return "<h1>Not signed in</h1>", 400
    pending = session.pop("pending", {}).get(request.args.get("state", ""))
    if pending is None:
        abort(400)
    verifier, target = pending
    answer = workos.user_management.authenticate_with_code(
        code=request.args["code"], code_verifier=verifier
    )
    sealed = seal_session_from_auth_response(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        user=answer.user.to_dict(),
        cookie_password=password,
    )
    response = make_response(redirect(target))
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie("wos_session", sealed, httponly=True, samesite="Lax")
    return response


@app.get("/account")
def account():
    signed_in = current()
    if signed_in is None:
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(error="not signed in"), 401
        return redirect(url_for("login", next="/account"))
    return f"<h1>{escape(signed_in.user['email'])}</h1>"


@app.get("/logout")
def ask():
    session["token"] = secrets.token_urlsafe(16)
    return f"""<form method="post"><input type="hidden" name="token" value="{session['token']}">
    <button>Sign out</button></form>"""


@app.post("/logout")
def logout():
    signed_in = current()
    if signed_in is None or request.form.get("token") != session.pop("token", None):
        abort(403)
    response = make_response(
        redirect(
            workos.user_management.get_logout_url(
                session_id=signed_in.session_id, return_to=url_for("home", _external=True)
            )
        )
    )
    response.delete_cookie("wos_session")
    return response
