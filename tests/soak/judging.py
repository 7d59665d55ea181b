"""What the rooms ought to show and the database to hold after a load, beside what they do."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import sqlalchemy as sa

from bot.db import deliveries as delivery_module
from bot.db.tables import broadcasts, deliveries, handled_events, submissions
from bot.demo.reading import Seen
from tests.e2e.running import COORDINATION, LABS, PEOPLE, Net
from tests.soak.load import REPORT, Asked, Kind, Load

Token: TypeAlias = tuple[str, str]
"""Something that the bot says, without ids of its own: what it is, and the event that it answers, or its words."""

REPLY, DONE, BUTTON, DECIDED, NOTICE, REMINDER = "reply", "✅", "button", "decided", "notice", "reminder"
_NOTICE = re.compile(r"Nachricht \d+\.")
_REMINDER = re.compile(r"^In 14 Tagen ist fällig: (Bericht Nummer \d+) ", re.MULTILINE)


@dataclass
class Judgement:
    """What is not as it ought to be. `wrong`: sentences about answers and rows."""

    lost: list[tuple[str, Token]] = field(default_factory=list[tuple[str, Token]])
    doubled: list[tuple[str, Token]] = field(default_factory=list[tuple[str, Token]])
    disordered: list[tuple[str, Token]] = field(default_factory=list[tuple[str, Token]])
    wrong: list[str] = field(default_factory=list[str])

    @property
    def fair(self) -> bool:
        """Whether everything is as it ought to be."""
        return not (self.lost or self.doubled or self.disordered or self.wrong)

    def lines(self) -> Iterator[str]:
        """Yield what is not, a line each."""
        for name in ("lost", "doubled", "disordered"):
            for room, token in getattr(self, name):
                yield f"{name}: {' '.join(token)} in {room}"
        yield from (f"wrong: {sentence}" for sentence in self.wrong)


class Judge:
    """Compares. The people must have got all that stands in the rooms, and nothing may be left to do (`tests.crashes.settling`)."""

    def __init__(self, net: Net, load: Load) -> None:
        self._net = net
        self._load = load
        self._said = Judgement()
        self._links: dict[str, str | None] = dict.fromkeys(LABS)
        everything = {room: self._seen(room) for room in PEOPLE}
        self._everything = everything
        asked = {event_id for event_id, each in load.asked.items() if each.kind is Kind.BROADCAST}
        self._previews = {
            seen.event_id: answered
            for seen in everything[COORDINATION]
            if self._ours(seen) and (answered := _replies_to(seen)) in asked
        }

    async def judge(self) -> Judgement:
        """Return what is not as it ought to be."""
        notices = list(self._notices())
        for room, seen in self._everything.items():
            ours = [token for each in seen if self._ours(each) for token in self._tokens(each)]
            answers = [token for each in seen for token in self._answers(each)]
            told = [(NOTICE, notice.words) for notice in notices if room in notice.labs]
            reminded = [(REMINDER, title) for title in self._load.reports] if room in LABS else []
            self._count(room, [*answers, *told, *reminded], ours)
            self._order(room, answers, [token for token in ours if token[0] not in (NOTICE, REMINDER)])
            self._order(room, told, [token for token in ours if token[0] == NOTICE])
            self._words(room, seen)
        await self._rows(notices)
        return self._said

    def _seen(self, room: str) -> list[Seen]:
        """Return what happened in a room, as its first person got it."""
        room_id = self._net.rooms[room]
        kinds = {"m.room.message", "m.reaction"}
        return self._net[PEOPLE[room][0]].saw(lambda seen: seen.room_id == room_id and seen.type in kinds)

    def _ours(self, seen: Seen) -> bool:
        return seen.sender == self._net.user_id

    # What ought to be there

    def _answers(self, seen: Seen) -> Iterator[Token]:
        """Yield what has to be said to an event; in the order of the events, since an answer follows from what was before."""
        asked, decided = self._load.asked.get(seen.event_id), self._load.decided.get(seen.event_id)
        if asked is not None:
            yield from self._answers_to(seen.event_id, asked)
        if decided is not None:
            yield DECIDED, decided.asked

    def _answers_to(self, event_id: str, asked: Asked) -> Iterator[Token]:
        match asked.kind:
            case Kind.SUBMIT:
                self._links[asked.room] = asked.words
                yield DONE, event_id
            case Kind.WITHDRAW:
                yield (DONE if self._links[asked.room] else REPLY), event_id
                self._links[asked.room] = None
            case Kind.BROADCAST:
                yield from ((REPLY, event_id), (f"{BUTTON} ✅", event_id), (f"{BUTTON} ❌", event_id))
            case _:
                yield REPLY, event_id

    def _notices(self) -> Iterator[Asked]:
        """Yield the broadcasts that were confirmed, in that order."""
        for seen in self._everything[COORDINATION]:
            decided = self._load.decided.get(seen.event_id)
            if decided is not None and decided.yes:
                yield self._load.asked[decided.asked]

    # What is there

    def _tokens(self, seen: Seen) -> list[Token]:
        """Return what an event of ours says; a message may remind of several reports."""
        if reminders := _REMINDER.findall(seen.body):
            return [(REMINDER, title) for title in reminders]
        return [self._token(seen)]

    def _token(self, seen: Seen) -> Token:
        if seen.reacts_to is not None:
            preview = self._previews.get(seen.reacts_to)
            return (f"{BUTTON} {seen.key}", preview) if preview else (seen.key, seen.reacts_to)
        replied = _replies_to(seen)
        if replied is not None:
            preview = self._previews.get(replied)
            return (DECIDED, preview) if preview else (REPLY, replied)
        if notice := _NOTICE.search(seen.body):
            return NOTICE, notice[0]
        return "?", seen.body

    def _count(self, room: str, expected: Iterable[Token], shown: Iterable[Token]) -> None:
        wanted, there = Counter(expected), Counter(shown)
        self._said.lost += [(room, token) for token in (wanted - there).elements()]
        self._said.doubled += [(room, token) for token in (there - wanted).elements()]

    def _order(self, room: str, expected: Sequence[Token], shown: Sequence[Token]) -> None:
        places = {token: number for number, token in enumerate(expected)}
        furthest = -1
        for token in shown:
            place = places.get(token, furthest)
            if place < furthest:
                self._said.disordered.append((room, token))
            furthest = max(furthest, place)

    def _words(self, room: str, seen: Iterable[Seen]) -> None:
        """Compare what is said about a report with what had been handed in when it was asked."""
        link: str | None = None
        expected: dict[str, str | None] = {}
        for each in seen:
            asked = self._load.asked.get(each.event_id)
            if asked is not None and asked.kind in (Kind.SUBMIT, Kind.WITHDRAW):
                link = asked.words or None
            elif asked is not None and asked.kind is Kind.LOOK:
                expected[each.event_id] = link
            elif self._ours(each) and (replied := _replies_to(each)) in expected:
                wanted = expected[replied]
                if (wanted is None) == ("https://" in each.body) or (wanted or "") not in each.body:
                    self._said.wrong.append(f"in {room} it was asked after {wanted} was handed in, and answered: {each.body}")

    async def _rows(self, notices: Sequence[Asked]) -> None:
        database = self._net.database
        async with database.begin() as session:
            outcomes = await _all(session, sa.select(deliveries.c.outcome, deliveries.c.policy, deliveries.c.key))
            handled = set(await session.scalars(sa.select(handled_events.c.event_id)))
            links = await _all(session, sa.select(submissions.c.debtor, submissions.c.link).where(submissions.c.report == REPORT))
            states = await _all(session, sa.select(broadcasts.c.text, broadcasts.c.state))
        await database.close()
        sent = sum(outcome == delivery_module.SENT for outcome, _, _ in outcomes)
        shown = sum(self._ours(seen) for room in self._everything.values() for seen in room)
        self._must(sent, shown, "deliveries are marked as sent; so many events stand in the rooms")
        failed = [key for outcome, policy, key in outcomes if outcome != delivery_module.SENT and not policy]
        self._must(failed, [], "were not sent")
        self._must(handled, {*self._load.asked, *self._load.decided}, "events had their effects; so many ought to")
        wanted = {room.removeprefix("lab:"): link for room, link in self._links.items() if link}
        self._must(dict(links), wanted, "is what labs have handed in; it ought to be")
        confirmed = {notice.words for notice in notices}
        asked = [each.words for each in self._load.asked.values() if each.kind is Kind.BROADCAST]
        ought = sorted((words, "confirmed" if words in confirmed else "discarded") for words in asked)
        self._must(sorted(states), ought, "are the broadcasts; they ought to be")

    def _must(self, found: Any, expected: Any, what: str) -> None:
        if found != expected:
            self._said.wrong.append(f"{found} {what}: {expected}")


async def _all(session: Any, query: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await session.execute(query)]


def _replies_to(seen: Seen) -> str | None:
    """Return what a message answers, in a thread too."""
    replied = seen.relation.get("m.in_reply_to")
    return str(replied.get("event_id")) if isinstance(replied, dict) else None
