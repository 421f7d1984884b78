"""The example app with a view that is open, and one as the SDK's quickstart has it."""

import os
from functools import wraps

from flask import jsonify, redirect, request
from workos import WorkOSClient

from app import app

client = WorkOSClient()
cookie_password = os.environ["WORKOS_COOKIE_PASSWORD"]


def with_auth(view):
    @wraps(view)
    def guarded(*args, **kwargs):
        session = client.user_management.load_sealed_session(
            session_data=request.cookies.get("wos_session", ""),
            cookie_password=cookie_password,
        )
        if session.authenticate().authenticated:
            return view(*args, **kwargs)
        return redirect("/login")

    return guarded


@app.get("/bench/open")
def bench_open():
    return jsonify(reports=[1, 2, 3])


@app.get("/bench/quickstart")
@with_auth
def bench_quickstart():
    return jsonify(reports=[1, 2, 3])
