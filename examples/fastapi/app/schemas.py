from datetime import datetime, timezone
from enum import Enum

from pydantic import BaseModel, Field


class Surface(str, Enum):
    DRY = "dry"
    MUDDY = "muddy"
    ICY = "icy"
    BLOCKED = "blocked"


class Trail(BaseModel):
    slug: str = Field(pattern=r"^[a-z0-9-]+$")
    name: str
    length_km: float = Field(gt=0)


class ReportIn(BaseModel):
    surface: Surface
    walker: str = Field(min_length=1, max_length=60)
    comment: str = Field(default="", max_length=500)


class Report(ReportIn):
    id: int
    trail: str
    reported_at: datetime = Field(default_factory=lambda: datetime.now(timezone.utc))


class TrailStatus(Trail):
    latest: Report | None = None
