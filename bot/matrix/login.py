"""How the bot gets into its homeserver: with an issued token, with the login kept from before, or as a new device."""

import contextlib
from asyncio import Event
from collections.abc import AsyncGenerator

import structlog

from bot import logs
from bot.config import MatrixConfig, secret
from bot.errors import ChatUnavailable
from bot.matrix import session as sessions
from bot.matrix.client import GuardedClient, log_in
from bot.matrix.crypto.encryption import Encryption
from bot.matrix.dropping import dropping
from bot.matrix.events import READ_TYPES, VERIFICATION_TYPES
from bot.matrix.journal import Journal
from bot.matrix.session import Session
from bot.waiting import pause

log = structlog.get_logger(__name__)

_LONGEST_PAUSE = 60.0


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
    seconds = 1.0
    while True:
        try:
            return await log_in(matrix.homeserver, matrix.user_id, password)
        except ChatUnavailable as error:
            log.warning("homeserver_unreachable", reason=str(error), seconds=seconds)
            await pause(seconds, Event())
            seconds = min(seconds * 2, _LONGEST_PAUSE)


@contextlib.asynccontextmanager
async def opened(matrix: MatrixConfig, session: Session) -> AsyncGenerator[tuple[GuardedClient, Journal, Encryption]]:
    """Give a client for a login, with the device's journal open and its encryption loaded."""
    logs.hide([session.access_token])
    client = GuardedClient(matrix.homeserver, session.user_id, session.device_id, matrix.state_dir)
    try:
        database = client.resume(session.access_token)
        kinds = (*READ_TYPES, *VERIFICATION_TYPES)
        encryption = Encryption(client, client.olm, database, dropping(), kinds=kinds, only_signed=matrix.only_signed_devices)
        yield client, Journal(database), encryption
    finally:
        await client.close()
