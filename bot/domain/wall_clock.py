"""Local times on days on which clocks are put forward or back."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo


def is_skipped(local: datetime) -> bool:
    """Whether no clock in its zone ever shows `local`, because it is put forward over it."""
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None, fold=0) != local.replace(tzinfo=None, fold=0)


def is_doubled(local: datetime) -> bool:
    """Whether clocks in its zone show `local` twice, because they are put back over it."""
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset() and not is_skipped(local)


def first_at_or_after(day: date, at: time, zone: tzinfo) -> datetime:
    """Return when clocks in `zone` first show that time of that day, or, if they skip it, the first instant after the gap."""
    local = datetime.combine(day, at, zone)
    return end_of_gap(local) if is_skipped(local) else local


def end_of_gap(skipped: datetime) -> datetime:
    """Return the first instant after the gap in which `skipped` lies, to the second, in its zone."""
    early, late = skipped.replace(fold=1).astimezone(UTC), skipped.replace(fold=0).astimezone(UTC)
    before = early.astimezone(skipped.tzinfo).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(skipped.tzinfo).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.astimezone(skipped.tzinfo)
