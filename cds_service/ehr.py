"""The only module that reads from a caller's FHIR server: in parallel, pooled, under one deadline, within bounds.

The server's address is the caller's word, so it is read only where the site names it (for this client, where clients
have lists of their own), and every page has to lie below it. The token goes to that server with each request of this
one call and nowhere else; it is never stored, logged or put into an error. How far a call may go at all is for
`outbound` to say.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Lock
from typing import Any
from urllib.parse import urljoin

from cds_service.fhir_answers import (
    LATE,
    NOT_UNDERSTOOD,
    TOO_MUCH,
    UNREACHABLE,
    RefusedError,
    check,
    document,
    is_passing,
)
from cds_service.hooks.needs import Access, Fetched, Need
from cds_service.outbound import (
    Answer,
    Ask,
    LateError,
    NotPermittedError,
    Outbound,
    OutboundError,
    Reach,
    TooMuchError,
    UnreachableError,
    parse,
)
from cds_service.settings import Settings

_LOG = logging.getLogger("cds_service.ehr")
_LONGEST_URL = 1800
"""Longer searches go as POST _search: some servers and proxies cut URLs at two thousand characters."""
_SEARCH_BY_POST = (405, 414)
_WORTH_TRYING_SECONDS = 0.05
_MOST_CREWS = 16
_LARGE = 200_000
"""Bytes of a body."""


class Ehr:
    """Reads from the FHIR servers that the settings, or the list of a client, name."""

    def __init__(self, settings: Settings, outbound: Outbound | None = None, *, loopback: bool = False) -> None:
        """`outbound` says how far calls may go and holds the connections; without one, as far as the settings say.

        `loopback` allows any server on this machine: sandboxes only.
        """
        self._listed = settings.fhir_servers
        self._outbound = outbound or Outbound(Reach.of(settings, loopback=loopback))
        self._pages, self._bytes = settings.fetch_max_pages, settings.fetch_max_bytes
        self._large, self._hiring = Lock(), Lock()
        self._crew_size = settings.fetch_workers
        self._crews: dict[str, ThreadPoolExecutor] = {}

    def fetch(self, access: Access, needs: Sequence[Need], *, seconds: float) -> Fetched:
        """Read all needs at once and answer within `seconds`, with what has come by then. Never raises."""
        base = self._base(access)
        if base is None:
            return Fetched(problems={need.key: UNREACHABLE for need in needs})
        access = replace(access, base=base)
        deadline = time.monotonic() + seconds
        crew = self._crew(base)
        running = {need.key: crew.submit(self._read, access, need, deadline) for need in needs}
        wait(running.values(), timeout=max(0.0, seconds))
        values, problems = {}, {}
        for key, future in running.items():
            try:
                values[key] = _result(future)
            except RefusedError as reason:
                problems[key] = str(reason)
        return Fetched(values, problems)

    def permits(self, access: Access) -> bool:
        """May this server be read for this client: is it one that is listed, or of this machine in a sandbox?"""
        return self._base(access) is not None

    def _base(self, access: Access) -> str | None:
        """The base in its one spelling, if it may be read."""
        try:
            address = parse(access.base)
            listed = {parse(base).base for base in (self._listed if access.servers is None else access.servers)}
        except NotPermittedError:
            return None
        if address.query or not (address.base in listed or self._outbound.reach.is_loopback(address)):
            return None
        return address.base if self._outbound.permits(address.base, (address.base,)) else None

    def _crew(self, base: str) -> ThreadPoolExecutor:
        """The threads that read from this server. One that hangs keeps its own crew busy, and no other's."""
        found = self._crews.get(base)
        if found is not None:
            return found
        with self._hiring:
            name = base if len(self._crews) < _MOST_CREWS else ""  # the rest share one
            return self._crews.setdefault(name, ThreadPoolExecutor(self._crew_size, thread_name_prefix="ehr"))

    def _read(self, access: Access, need: Need, deadline: float) -> Any:
        """One resource, or all pages of one search as one Bundle."""
        url = f"{access.base}/{need.query}"
        first = self._get(access, url, deadline, search=need.is_search)
        if first is None:
            return None
        check(first, need)
        if not need.is_search:
            return first
        pages = [first, *self._further(access, first, url, deadline)]
        entries = [entry for page in pages for entry in _entries(page)]
        links = [link for link in _links(pages[-1]) if link.get("relation") == "next"]
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **({"link": links} if links else {})}

    def _further(self, access: Access, page: dict[str, Any], url: str, deadline: float) -> Iterator[dict[str, Any]]:
        """The following pages, below the same base, so many at the most; what cannot be had leaves a next link."""
        for _ in range(self._pages - 1):
            following = next((link.get("url") for link in _links(page) if link.get("relation") == "next"), None)
            if not isinstance(following, str):
                return
            try:
                found = self._get(access, urljoin(url, following), deadline, search=False)
            except (RefusedError, ValueError):
                return
            if not isinstance(found, dict) or found.get("resourceType") != "Bundle":
                return
            page = found
            yield page

    def _get(self, access: Access, url: str, deadline: float, *, search: bool) -> Any:
        """GET, or POST _search where the URL is long or the server refuses GET; one retry of a passing fault."""
        by_post = search and len(url) > _LONGEST_URL
        answer = self._send(access, url, deadline, by_post=by_post)
        again = is_passing(answer) and _worth_trying(deadline)
        if again or (search and not by_post and answer.status in _SEARCH_BY_POST):
            answer = self._send(access, url, deadline, by_post=by_post or not again)
        return self._parsed(answer, deadline, search=search)

    def _parsed(self, answer: Answer, deadline: float, *, search: bool) -> Any:
        """The document. Large ones one by one, and none once nobody waits: reading them keeps others from working."""
        if len(answer.body) < _LARGE:
            return document(answer, search=search)
        if not self._large.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise RefusedError(LATE)
        try:
            return document(answer, search=search)
        finally:
            self._large.release()

    def _send(self, access: Access, url: str, deadline: float, *, by_post: bool) -> Answer:
        headers = {"Accept": "application/fhir+json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        path, _, query = url.partition("?")
        if by_post:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        ask = Ask(
            f"{path}/_search" if by_post else url,
            within=access.base,
            max_bytes=self._bytes,
            headers=headers,
            form=query if by_post else None,
        )
        try:
            return self._sent(ask, deadline)
        except OutboundError as trouble:
            raise RefusedError(_SAID.get(type(trouble), UNREACHABLE)) from None

    def _sent(self, ask: Ask, deadline: float) -> Answer:
        """The answer. What breaks is tried once more: it may have been an old connection. Raises OutboundError."""
        try:
            return self._outbound.read(ask, deadline=deadline)
        except UnreachableError:
            if not _worth_trying(deadline):
                raise
            return self._outbound.read(ask, deadline=deadline)


_SAID = {LateError: LATE, TooMuchError: TOO_MUCH}


def _result(future: Future[Any]) -> Any:
    if not future.done():
        future.cancel()
        raise RefusedError(LATE)
    try:
        return future.result()
    except RefusedError:
        raise
    except Exception as bug:  # one answer that we trip over costs that answer; its text may quote a record
        _LOG.error("bug: %s while a FHIR server was read", type(bug).__name__)
        raise RefusedError(NOT_UNDERSTOOD) from None


def _worth_trying(deadline: float) -> bool:
    return deadline - time.monotonic() > _WORTH_TRYING_SECONDS


def _entries(bundle: Mapping[str, Any]) -> list[Any]:
    found = bundle.get("entry")
    return found if isinstance(found, list) else []


def _links(bundle: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = bundle.get("link")
    return [link for link in found if isinstance(link, Mapping)] if isinstance(found, list) else []
