"""The running bot's identity: made or recovered before anything is said, watched from then on."""

import asyncio

import structlog

from bot import metrics
from bot.config import MatrixConfig, secret
from bot.errors import ChatUnavailable
from bot.matrix.client import GuardedClient
from bot.matrix.crypto.identity import Identity, Kind, Standing, establish
from bot.matrix.own_device import identity_file, own_device
from bot.notices import Notices
from bot.waiting import pause

log = structlog.get_logger(__name__)

_PAUSE = 5.0


class OwnIdentity:
    """Our cross-signing identity, as long as the bot runs."""

    def __init__(self, client: GuardedClient, matrix: MatrixConfig, notices: Notices) -> None:
        self._client = client
        self._matrix = matrix
        self._notices = notices
        self._file = identity_file(matrix)
        self._master_key: str | None = None

    def master_key(self) -> str | None:
        """Return our public master key, None before there is one."""
        return self._master_key

    async def establish(self, stopping: asyncio.Event) -> None:
        """Have our device signed, once its keys are uploaded: what is said before that stays unreadable. Raises `IdentityTrouble`."""
        password = secret(self._matrix.password, self._matrix.password_file)
        while not stopping.is_set():
            try:
                standing = await establish(self._client, own_device(self._client), self._file, password)
            except ChatUnavailable as error:
                log.warning("identity_not_established", reason=str(error))
                await pause(_PAUSE, stopping)
            else:
                await self._judge(standing)
                return

    async def look(self) -> None:
        """Look whether the identity at the homeserver is ours still. Raises as `GuardedClient.call`."""
        identity = Identity(self._client, self._client.user_id)
        await self._judge(await identity.look(self._file, self._client.device_id))

    async def _judge(self, standing: Standing) -> None:
        """Say it where it is heard if somebody has put another identity in the place of ours."""
        self._master_key = standing.fingerprint
        metrics.identity_state.set(standing.kind is Kind.OURS and standing.device_signed)
        if standing.kind is Kind.REPLACED and standing.found is not None:
            log.error("identity_replaced", ours=standing.fingerprint, found=standing.found, hint="netzwart check")
            await self._notices.identity_replaced(standing.found)
