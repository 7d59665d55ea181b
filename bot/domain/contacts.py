"""Contacts of labs: whom to mention, who stands in, and how people say who it is to be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from bot.domain.matching import fold


class ContactRole(StrEnum):
    """What somebody is to a lab, in the order in which they are mentioned."""

    CONTACT = "contact"
    DEPUTY = "deputy"


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody who is mentioned for `debtor`: a lab key, or `research`."""

    debtor: str
    role: ContactRole
    user_id: str
    since: datetime


def whom_to_mention(contacts: Iterable[Contact], absences: Mapping[str, date], debtor: str, today: date) -> tuple[str, ...]:
    """Return whom to mention, the first who can be reached: the contact, then the deputy, without those who are away.

    `absences`: user id → last day away.
    """
    by_role = {contact.role: contact.user_id for contact in contacts if contact.debtor == debtor}
    in_order = dict.fromkeys(by_role[role] for role in ContactRole if role in by_role)
    return tuple(person for person in in_order if absences.get(person, date.min) < today)


def after_leading_name(words: str, names: Mapping[str, str]) -> tuple[str | None, str]:
    """Return what the name that `words` begin with stands for, and what follows; None and all of it if they begin with no name.

    `names`: folded name → what it stands for. The longest name wins.
    """
    said = words.split()
    longest = max((len(name.split()) for name in names), default=0)
    for count in range(min(len(said), longest), 0, -1):
        meant = names.get(fold(" ".join(said[:count]).strip("\"'„“”»«‚‘’:,")))
        if meant is not None:
            return meant, " ".join(said[count:])
    return None, " ".join(said)
