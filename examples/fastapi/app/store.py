from app.schemas import Report, ReportIn, Trail

TRAILS = [
    Trail(slug="mill-loop", name="Mill loop", length_km=4.2),
    Trail(slug="ridge-path", name="Ridge path", length_km=11.5),
    Trail(slug="quarry-steps", name="Quarry steps", length_km=2.8),
]


class Store:
    """Trails and reports, kept until the process ends."""

    def __init__(self, trails: list[Trail]):
        self.trails = {trail.slug: trail for trail in trails}
        self._reports: list[Report] = []

    def add(self, slug: str, report: ReportIn) -> Report:
        stored = Report(id=len(self._reports) + 1, trail=slug, **report.model_dump())
        self._reports.append(stored)
        return stored

    def reports(self, slug: str) -> list[Report]:
        """Newest first."""
        return [report for report in reversed(self._reports) if report.trail == slug]

    def latest(self, slug: str) -> Report | None:
        return next(iter(self.reports(slug)), None)


store = Store(TRAILS)


def get_store() -> Store:
    return store
