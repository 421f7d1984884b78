"""The same with a view that the login which authfit added protects."""

from app.workos_auth import CurrentUser
from bench_views import app


@app.get("/bench/protected")
async def bench_protected(user: CurrentUser):
    return {"reports": [1, 2, 3]}
