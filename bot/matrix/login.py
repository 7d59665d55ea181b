"""How the bot gets into its homeserver: with an issued token, with the login kept from before, or as a new device."""

import contextlib
from asyncio import Event
from collections.abc import AsyncGenerator
from dataclasses import replace

import structlog

from bot import logs
from bot.config import MatrixConfig, secret
from bot.db.engine import reason_of
from bot.errors import ChatUnavailable, LoginFailed, StoreUnusable, text
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient, log_in
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.crypto.store import StoreTrouble
from bot.matrix.dropping import dropping
from bot.matrix.events import READ_TYPES, VERIFICATION_TYPES
from bot.matrix.journal import Journal
from bot.matrix.reachability import Backoff, Reachability, asked_to_wait
from bot.matrix.session import Session
from bot.waiting import pause

log = structlog.get_logger(__name__)


class TokenExpired(LoginFailed):
    """The homeserver has let an issued token expire, and only whoever issued it can issue another."""

    def __init__(self, device_id: str) -> None:
        super().__init__(device_id)
        self.text = text(
            "Das Zugriffstoken des Geräts %(device)s ist abgelaufen. Lass dir für dasselbe Gerät ein neues ausstellen und hinterlege es:"
            " matrix.access_token_file",
            device=device_id,
        )


async def login(matrix: MatrixConfig) -> Session:
    """Return the login to use; a new one is kept for the next time. Waits while the homeserver does not answer.

    Raises `LoginFailed` if it refuses us.
    """
    token = secret(matrix.access_token, matrix.access_token_file)
    if token is not None:
        return Session(matrix.user_id, matrix.device_id or "", token)
    kept = sessions.load(matrix.state_dir, matrix.user_id)
    if kept is not None:
        return kept
    password = secret(matrix.password, matrix.password_file) or ""
    logs.hide([password])
    device_id, token = await _patiently(matrix, password)
    session = Session(matrix.user_id, device_id, token)
    sessions.save(matrix.state_dir, session)
    log.info("logged_in", user_id=session.user_id, device_id=session.device_id)
    return session


async def _patiently(matrix: MatrixConfig, password: str) -> tuple[str, str]:
    backoff = Backoff()
    while True:
        try:
            return await log_in(matrix.homeserver, matrix.user_id, password)
        except ChatUnavailable as error:
            seconds = backoff.failed(asked_to_wait(error))
            log.warning("homeserver_unreachable", reason=str(error), seconds=round(seconds, 1))
            await pause(seconds, Event())


async def _log_in_again(matrix: MatrixConfig, session: Session, client: GuardedClient) -> None:
    """Get a new token for the same device: its keys stay, and so does all that it has received.

    Raises `LoginFailed`, or `ChatUnavailable` if that is to be tried again.
    """
    password = secret(matrix.password, matrix.password_file)
    if password is None:
        raise TokenExpired(session.device_id)
    logs.hide([password])
    await client.log_in_again(password)
    logs.hide([client.access_token])
    sessions.save(matrix.state_dir, replace(session, access_token=client.access_token))
    log.info("logged_in_again", user_id=session.user_id, device_id=session.device_id)


@contextlib.asynccontextmanager
async def opened(matrix: MatrixConfig, session: Session) -> AsyncGenerator[tuple[GuardedClient, Journal, Encryption]]:
    """Give a client for a login, with the device's journal open and its encryption loaded."""
    logs.hide([session.access_token])
    client = GuardedClient(matrix.homeserver, session.user_id, session.device_id, matrix.state_dir, Reachability())

    async def renew() -> None:
        await _log_in_again(matrix, session, client)

    client.renew = renew
    try:
        yield (client, *_loaded(matrix, session, client))
    finally:
        await client.close()


def _loaded(matrix: MatrixConfig, session: Session, client: GuardedClient) -> tuple[Journal, Encryption]:
    """Open the device's files. Raises `StoreUnusable`."""
    kinds = (*READ_TYPES, *VERIFICATION_TYPES)
    try:
        database = client.resume(session.access_token)
        encryption = Encryption(client, client.olm, database, dropping(), kinds=kinds, only_signed=matrix.only_signed_devices)
        return Journal(database), encryption
    except StoreTrouble as error:
        raise StoreUnusable(f"{matrix.state_dir}: {reason_of(error)}") from error
