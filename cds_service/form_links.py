"""Links from cards to the form of order questions: signed, and good for days, not for ever. A leaf; reads no clock.

A link holds ids of questions, the last day on which it works, and a signature (HMAC-SHA-256) over both. It says nothing
of a patient and opens nothing that is secret: the signature keeps others from handing out links in our name that ask
what they like. It lasts whole days, so the same call on the same day has the same answer, letter by letter.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from urllib.parse import quote

_MOST_DAYS = 40
"""Further ahead than any setting allows: not ours, whatever the signature."""


class Standing(Enum):
    """What a link is worth."""

    GOOD = "good"
    EXPIRED = "expired"
    FORGED = "forged"


def link_key(secret: bytes) -> bytes:
    """The key of the links, from the secret of the site; it tells nothing of that secret."""
    return hmac.new(secret, b"blinatumomab-cds form links", hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class FormLinks:
    """How links are made and judged here."""

    address: str
    """Of the form; empty: cards have no links."""
    days: int = 1
    """The days after its own on which a link works."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def link(self, ids: Sequence[str], today: date) -> str | None:
        """The link to these questions, made today; None without an address."""
        return _link(self, tuple(ids), today) if self.address else None

    def standing(self, asked: str, until: str, sign: str, today: date) -> Standing:
        """What a link is worth, from its three parts as they came."""
        try:
            last = date.fromisoformat(until)
        except ValueError:
            return Standing.FORGED
        if not hmac.compare_digest(self._sign(asked, until).encode(), sign.encode()):
            return Standing.FORGED
        return Standing.GOOD if today <= last <= today + timedelta(_MOST_DAYS) else Standing.EXPIRED

    def _sign(self, asked: str, until: str) -> str:
        found = hmac.new(self.key, f"{until}|{asked}".encode(), hashlib.sha256).digest()[:18]
        return base64.urlsafe_b64encode(found).decode()


@lru_cache(maxsize=1024)
def _link(links: FormLinks, ids: tuple[str, ...], today: date) -> str:
    asked = ",".join(ids)
    until = (today + timedelta(links.days)).isoformat()
    return f"{links.address}?q={quote(asked, safe=',')}&until={until}&sign={links._sign(asked, until)}"
