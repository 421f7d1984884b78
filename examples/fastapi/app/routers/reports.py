from fastapi import APIRouter, status

from app.deps import StoreDep, TrailDep
from app.schemas import Report, ReportIn

router = APIRouter(prefix="/trails/{slug}/reports", tags=["reports"])


@router.get("")
async def list_reports(
    trail: TrailDep, store: StoreDep, limit: int = 20
) -> list[Report]:
    return store.reports(trail.slug)[:limit]


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_report(trail: TrailDep, report: ReportIn, store: StoreDep) -> Report:
    return store.add(trail.slug, report)
