from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates

from app.deps import StoreDep, TrailDep
from app.paths import HERE
from app.schemas import ReportIn, Surface

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(directory=HERE / "templates")


@router.get("/", response_class=HTMLResponse)
async def home(request: Request, store: StoreDep):
    trails = [(trail, store.latest(trail.slug)) for trail in store.trails.values()]
    return templates.TemplateResponse(request, "home.html", {"trails": trails})


@router.get("/trails/{slug}", response_class=HTMLResponse)
async def trail_page(request: Request, trail: TrailDep, store: StoreDep):
    return templates.TemplateResponse(
        request,
        "trail.html",
        {
            "trail": trail,
            "reports": store.reports(trail.slug),
            "surfaces": list(Surface),
        },
    )


@router.post("/trails/{slug}")
async def report_from_page(
    trail: TrailDep,
    store: StoreDep,
    surface: Annotated[Surface, Form()],
    walker: Annotated[str, Form(min_length=1, max_length=60)],
    comment: Annotated[str, Form(max_length=500)] = "",
):
    store.add(trail.slug, ReportIn(surface=surface, walker=walker, comment=comment))
    return RedirectResponse(f"/trails/{trail.slug}", status_code=303)
