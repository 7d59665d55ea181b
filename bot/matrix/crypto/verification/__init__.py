"""Emoji verification: somebody compares seven emoji with the bot's administrator, so that each knows the other's keys to be theirs.

Client-Server API v1.18, "Key verification framework" and "Short Authentication String (SAS) verification". The other side always
asks; the bot answers at once, and either carries it through or cancels with a sentence that says why. No dialog is left hanging.

One module a subject: `messages` (what is read and said), `reasons` (why one ends), `sas` (the cryptography), `transaction` (one
verification, step by step), `verifications` (all of them, whom the bot answers, time-outs), `folder` (how the administrator's
answer reaches the running bot), `emoji` (the table). Nothing here knows nio, the network or a database.

The bot signs nobody's key and draws no right from a verification: who may do what is decided by rooms alone. It is done for the
other side, which then shows the bot as verified.
"""

from bot.matrix.crypto.verification.folder import Pending, VerificationFolder
from bot.matrix.crypto.verification.messages import Incoming, Outgoing
from bot.matrix.crypto.verification.transaction import Me, TheirKeys
from bot.matrix.crypto.verification.verifications import Verifications

__all__ = ["Incoming", "Me", "Outgoing", "Pending", "TheirKeys", "VerificationFolder", "Verifications"]
