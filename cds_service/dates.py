"""Dates as precise as they were written. A leaf: reads no clock and knows nothing of ours.

FHIR lets a date be a year, a month or a day. Comparing two of them can be undecided, and then says so with None.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

_FHIR_DATE = re.compile(r"^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?(?:[T ].*)?$")


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date known to the year, the month or the day. `earliest` and `latest` bound it (inclusive)."""

    earliest: date
    latest: date

    @classmethod
    def parse(cls, text: object) -> PartialDate | None:
        """Read a FHIR date or dateTime; None when it is not one. Time and zone are dropped: we compare days."""
        match = _FHIR_DATE.match(text.strip()) if isinstance(text, str) else None
        if match is None:
            return None
        year, month, day = (int(part) if part else None for part in match.groups())
        try:
            first = date(year or 0, month or 1, day or 1)
        except ValueError:
            return None
        if day is not None:
            return cls(first, first)
        last_month = month or 12
        return cls(first, date(first.year, last_month, calendar.monthrange(first.year, last_month)[1]))

    @classmethod
    def of(cls, day: date) -> PartialDate:
        """A date known to the day."""
        return cls(day, day)

    @property
    def exact(self) -> date | None:
        """The day, when it is known to the day."""
        return self.earliest if self.earliest == self.latest else None

    def __str__(self) -> str:
        if self.exact:
            return self.exact.isoformat()
        same_month = (self.earliest.year, self.earliest.month) == (self.latest.year, self.latest.month)
        return self.earliest.strftime("%Y-%m" if same_month else "%Y")


@lru_cache(maxsize=1024)
def add_months(day: date, months: int) -> date:
    """The calendar anniversary, clamped to the end of the month (31 January + 1 month = 28 or 29 February)."""
    years, month0 = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month0 + 1
    clamped = day.day if day.day <= 28 else min(day.day, calendar.monthrange(year, month)[1])
    return date(year, month, clamped)


def at_least_months_old(birth: PartialDate, months: int, on: date) -> bool | None:
    """Has the person reached this age in calendar months on that day? None when a partial birth date leaves it open."""
    if on >= add_months(birth.latest, months):
        return True
    if on < add_months(birth.earliest, months):
        return False
    return None


def age_text(birth: PartialDate, on: date) -> str:
    """'9 years', '7 months' or '20 days'; 'about' when the birth date is partial."""
    months = (on.year - birth.earliest.year) * 12 + on.month - birth.earliest.month
    if on < add_months(birth.earliest, months):
        months -= 1
    about = "" if birth.exact else "about "
    if months >= 24:
        return f"{about}{months // 12} years"
    if months >= 1:
        return f"{about}{months} month{'s' if months != 1 else ''}"
    days = (on - birth.earliest).days
    return f"{about}{days} day{'s' if days != 1 else ''}"


def days_between(earlier: date, later: date) -> int:
    """Whole days from one to the other; negative when `later` is before `earlier`."""
    return (later - earlier) // timedelta(days=1)
