"""What may become of a report: open → submitted → accepted or returned; extended, waived, withdrawn. Each check refuses with a sentence."""

from datetime import date

from bot.domain.dates import PartialDate
from bot.domain.reports import Debt, Status
from bot.errors import UserError


def check_submit(debt: Debt) -> None:
    """Raise `UserError` if it cannot be handed in (again)."""
    if debt.status is Status.ACCEPTED:
        raise UserError(
            "»%(title)s« ist schon angenommen. Soll noch etwas dazu, sprich bitte die Koordination an.", title=debt.report.title
        )


def check_withdraw(debt: Debt) -> None:
    """Raise `UserError` if it cannot be taken back."""
    if debt.status is Status.ACCEPTED:
        raise UserError("»%(title)s« ist schon angenommen und lässt sich nicht mehr zurücknehmen.", title=debt.report.title)


def check_accept(debt: Debt) -> None:
    """Raise `UserError` if there is nothing to accept."""
    match debt.status:
        case Status.ACCEPTED:
            raise UserError("»%(title)s« hat %(person)s schon angenommen.", title=debt.report.title, person=debt.decided_by)
        case Status.OPEN | Status.RETURNED | Status.WAIVED:
            raise UserError("»%(title)s« ist nicht abgegeben; anzunehmen ist nichts.", title=debt.report.title)
        case Status.SUBMITTED:
            return


def check_return(debt: Debt) -> None:
    """Raise `UserError` if there is nothing to return."""
    if debt.status.owed:
        raise UserError("»%(title)s« ist noch offen; nachzufordern ist nichts.", title=debt.report.title)


def check_waive(debt: Debt) -> None:
    """Raise `UserError` if there is nothing to waive."""
    match debt.status:
        case Status.WAIVED:
            raise UserError("Von »%(title)s« hat %(person)s schon befreit.", title=debt.report.title, person=debt.decided_by)
        case Status.ACCEPTED:
            raise UserError("»%(title)s« ist schon angenommen.", title=debt.report.title)
        case Status.OPEN | Status.RETURNED | Status.SUBMITTED:
            return


def check_extend(debt: Debt, to: PartialDate, today: date) -> None:
    """Raise `UserError` unless `to` gives the debtor more time than everybody has, and the report is still owed.

    More than before it need not be: a day that was mistyped has to be put right.
    """
    if not debt.status.owed:
        raise UserError("»%(title)s« ist nicht mehr offen; ein Aufschub ändert nichts.", title=debt.report.title)
    if to.last < today:
        raise UserError("%(when)s ist schon vorbei.", when=to)
    if to.last <= debt.report.due.last:
        raise UserError(
            "»%(title)s« ist ohnehin erst fällig: %(due)s. Ein Aufschub muss danach liegen.",
            title=debt.report.title,
            due=debt.report.due,
        )
    if to == debt.due:
        raise UserError("»%(title)s« ist schon dann fällig: %(due)s.", title=debt.report.title, due=debt.due)
