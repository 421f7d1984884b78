"""A small web server whose visitors sign in with WorkOS AuthKit.

Run it with ``flask --app server run`` and open http://localhost:5000.
"""

import os

from dotenv import load_dotenv
from flask import Flask
from workos import WorkOSClient

import workos_auth

load_dotenv()

app = Flask(__name__)

workos = WorkOSClient(
    api_key=os.getenv("WORKOS_API_KEY"),
    client_id=os.getenv("WORKOS_CLIENT_ID"),
)
workos_auth.init_app(app, workos)


@app.get("/")
def home() -> str:
    """Show who is signed in."""
    return "<h1>Hello</h1>" + workos_auth.user_links()
