"""The programme: events (workshops, conferences) and the phases of work between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from bot.domain.dates import PartialDate


@dataclass(frozen=True, slots=True)
class Event:
    """A workshop or conference. `kind` is `workshop` or `conference`; `number` counts workshops from 1.

    `register_by`: the last day on which one may register, if there is one.
    """

    key: str
    kind: str
    title: str
    when: PartialDate
    number: int | None = None
    place: str | None = None
    online: bool = False
    cancelled: bool = False
    register_by: date | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of work: from the day after event `after` to the day before event `before` (both event keys)."""

    number: int
    after: str
    before: str


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase with its events looked up. `start`, `end` are days, or None where the event's day is not fixed."""

    phase: Phase
    after: Event
    before: Event

    @property
    def start(self) -> date | None:
        """First day of the phase, if the event before it has a day."""
        return self.after.when.last + timedelta(days=1) if self.after.when.exact else None

    @property
    def end(self) -> date | None:
        """Last day of the phase, if the event after it has a day."""
        return self.before.when.first - timedelta(days=1) if self.before.when.exact else None

    def surely_holds(self, when: PartialDate) -> bool:
        """Whether every day that `when` may mean lies in the phase, whenever its events will be."""
        return self.after.when.last < when.first and when.last < self.before.when.first

    def possibly_holds(self, when: PartialDate) -> bool:
        """Whether a day that `when` may mean lies in the phase, if its events fall so."""
        return self.after.when.first < when.last and when.first < self.before.when.last


def in_order(events: Iterable[Event]) -> list[Event]:
    """Return events by date; what is vague sorts by its last possible day."""
    return sorted(events, key=lambda event: (event.when.sort_key, event.key))


def next_event(events: Iterable[Event], today: date) -> Event | None:
    """Return the next event that is not over on `today` and not cancelled."""
    return next((event for event in in_order(events) if event.when.last >= today and not event.cancelled), None)


def spans(phases: Iterable[Phase], events: Iterable[Event]) -> list[PhaseSpan]:
    """Return the phases with their events, in the order of their numbers."""
    by_key = {event.key: event for event in events}
    return [PhaseSpan(p, by_key[p.after], by_key[p.before]) for p in sorted(phases, key=lambda p: p.number)]


def current_phase(phases: Iterable[PhaseSpan], today: date) -> PhaseSpan | None:
    """Return the phase that `today` surely or possibly lies in, or None (before the first, during an event, after the last).

    Where an event's day is not fixed, a phase runs until the first day on which the event may begin.
    """
    for span in phases:
        if span.after.when.last < today < span.before.when.first:
            return span
    return None
