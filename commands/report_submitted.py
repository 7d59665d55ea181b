"""A lab or the research team says that a report is handed in: with a link, with a file that was posted, or without either."""

from bot.command import DONE, Context, Message, Reply, command
from bot.converters import Link, ReportRef
from bot.db import reports
from bot.domain.posted_files import posted_file
from bot.domain.report_life import check_submit
from bot.domain.reports import HandedInFile, Status
from bot.domain.roles import Role
from bot.errors import UserError
from commands._report_meant import own_debt, refused


@command(
    "bericht abgegeben",
    "report submitted",
    "bericht abgeben",
    "report submit",
    needs=Role.LAB | Role.RESEARCH,
    examples=["labor-1 https://example.org/bericht.pdf", "labor-1"],
    reads_reply=True,
)
async def report_submitted(ctx: Context, report: ReportRef, link: Link | None = None) -> Reply:
    """Vermerkt einen Bericht als abgegeben, mit Link oder als Antwort auf eine Datei. Im Direktchat notfalls mit Labor: labor-1:bremen."""
    file = _file(ctx)
    debt = await own_debt(ctx, report, hold=True)
    try:
        check_submit(debt)
    except UserError as refusal:
        return refused(debt, refusal)
    again = debt.status is Status.SUBMITTED
    if (
        not again
        or (link is not None and link != debt.link)
        or (file is not None and file.content != (debt.file and debt.file.content))
    ):
        await reports.submit(ctx.session, debt, by=ctx.sender, link=link, file=file, now=ctx.now)
    return DONE


def _file(ctx: Context) -> HandedInFile | None:
    """Return the file that the message replies to, if it is one. Raises `UserError` if what it replies to cannot be read."""
    if not isinstance(ctx.message, Message) or ctx.message.reply_to is None:
        return None
    if ctx.replied is None:
        raise UserError("Worauf du antwortest, kann ich nicht lesen. Bitte schick die Datei noch einmal, oder einen Link.")
    return posted_file(ctx.replied)
