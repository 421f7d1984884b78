"""Readings of an electricity meter, and what was used between them."""

import csv
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise


@dataclass(frozen=True)
class Reading:
    day: date
    kwh: float


def load(lines):
    """Read lines of CSV with the columns date and kwh; gives the readings in order of date."""
    readings = []
    for number, row in enumerate(csv.DictReader(lines), start=2):
        try:
            readings.append(Reading(date.fromisoformat(row["date"]), float(row["kwh"])))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number}: {error}") from error
    return sorted(readings, key=lambda reading: reading.day)


def monthly(readings):
    """The kWh used in each (year, month), spread evenly over the days between two readings."""
    used = defaultdict(float)
    for first, second in pairwise(readings):
        if second.kwh < first.kwh:
            raise ValueError(f"the meter ran backwards before {second.day}")
        days = (second.day - first.day).days
        for offset in range(days):
            day = first.day + timedelta(days=offset)
            used[day.year, day.month] += (second.kwh - first.kwh) / days
    return dict(used)
