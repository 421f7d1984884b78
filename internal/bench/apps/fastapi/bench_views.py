"""The example app with a view that is open, and one as the SDK's quickstart has it."""

import os
from typing import Annotated

from fastapi import Cookie, Depends, HTTPException
from workos import WorkOSClient

from app.main import app

client = WorkOSClient()
cookie_password = os.environ["WORKOS_COOKIE_PASSWORD"]


def with_auth(wos_session: Annotated[str, Cookie()] = ""):
    session = client.user_management.load_sealed_session(
        session_data=wos_session, cookie_password=cookie_password
    )
    if not session.authenticate().authenticated:
        raise HTTPException(303, headers={"Location": "/login"})


@app.get("/bench/open")
async def bench_open():
    return {"reports": [1, 2, 3]}


@app.get("/bench/quickstart", dependencies=[Depends(with_auth)])
async def bench_quickstart():
    return {"reports": [1, 2, 3]}
