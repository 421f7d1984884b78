from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app.paths import HERE
from app.routers import pages, reports, trails

app = FastAPI(title="Trail reports", version="0.3.0")

app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
app.include_router(pages.router)
app.include_router(trails.router, prefix="/api")
app.include_router(reports.router, prefix="/api")


@app.get("/health", include_in_schema=False)
async def health() -> dict[str, str]:
    return {"status": "ok"}
