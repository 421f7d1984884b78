"""The same with a view that the login which authfit added protects."""

from bench_views import app
from flask import jsonify

from workos_auth import login_required


@app.get("/bench/protected")
@login_required
def bench_protected():
    return jsonify(reports=[1, 2, 3])
