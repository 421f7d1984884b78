from fastapi import APIRouter

from app.deps import StoreDep, TrailDep
from app.schemas import TrailStatus

router = APIRouter(prefix="/trails", tags=["trails"])


@router.get("")
async def list_trails(store: StoreDep) -> list[TrailStatus]:
    return [
        TrailStatus(**trail.model_dump(), latest=store.latest(trail.slug))
        for trail in store.trails.values()
    ]


@router.get("/{slug}")
async def read_trail(trail: TrailDep, store: StoreDep) -> TrailStatus:
    return TrailStatus(**trail.model_dump(), latest=store.latest(trail.slug))
