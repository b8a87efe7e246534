"""The only module that reads from a caller's FHIR server: in parallel, pooled, under one deadline, within bounds.

The server's address is the caller's word, so it is read only where a setting names it. The token goes to that server
with each request of this one call and nowhere else; it is never stored, logged or put into an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import simplejson
from requests.adapters import HTTPAdapter

from cds_service.hooks.needs import Access, Fetched, Need
from cds_service.settings import Settings

LATE = "the FHIR server did not answer in time"
UNREACHABLE = "the FHIR server could not be reached"
NOT_PERMITTED = "the FHIR server did not permit it"
NOT_UNDERSTOOD = "the FHIR server's answer could not be read"
REFUSED = "the FHIR server refused or failed"
TOO_MUCH = "the FHIR server sent more than is read"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST_URL = 1800
"""Longer searches go as POST _search: some servers and proxies cut URLs at two thousand characters."""
_SEARCH_BY_POST = (405, 414)
_WORTH_TRYING_SECONDS = 0.05


class _RefusedError(Exception):
    """A read that failed, with the reason in our words."""


class Ehr:
    """Pooled connections to the FHIR servers that the settings name."""

    def __init__(self, settings: Settings, *, loopback: bool = False) -> None:
        """`loopback` allows any server on this machine: sandboxes only."""
        self._allowed = frozenset(_normal(base) for base in settings.fhir_servers)
        self._loopback = loopback
        self._pages, self._bytes = settings.fetch_max_pages, settings.fetch_max_bytes
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, .netrc or CA bundle from the environment
        adapter = HTTPAdapter(pool_connections=16, pool_maxsize=settings.fetch_workers, max_retries=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        self._workers = ThreadPoolExecutor(settings.fetch_workers, thread_name_prefix="ehr")

    def fetch(self, access: Access, needs: Sequence[Need], *, seconds: float) -> Fetched:
        """Read all needs at once and answer within `seconds`, with what has come by then. Never raises."""
        if not self.permits(access.base):
            return Fetched(problems={need.key: UNREACHABLE for need in needs})
        deadline = time.monotonic() + seconds
        running = {need.key: self._workers.submit(self._read, access, need, deadline) for need in needs}
        wait(running.values(), timeout=max(0.0, seconds))
        values, problems = {}, {}
        for key, future in running.items():
            try:
                values[key] = _result(future)
            except _RefusedError as reason:
                problems[key] = str(reason)
        return Fetched(values, problems)

    def permits(self, base: str) -> bool:
        """May this server be read? https and named in the settings, or on this machine in a sandbox."""
        parts = urlsplit(base)
        if parts.username or parts.password or parts.query or parts.fragment:
            return False
        if self._loopback and parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK:
            return True
        return _normal(base) in self._allowed

    def _read(self, access: Access, need: Need, deadline: float) -> Any:
        """One resource, or all pages of one search as one Bundle."""
        url = f"{access.base.rstrip('/')}/{need.query}"
        first = self._get(access, url, deadline, search=need.is_search)
        if not need.is_search or not isinstance(first, dict) or first.get("resourceType") != "Bundle":
            return first
        pages = [first, *self._further(access, first, url, deadline)]
        entries = [entry for page in pages for entry in _entries(page)]
        links = [link for link in _links(pages[-1]) if link.get("relation") == "next"]
        return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **({"link": links} if links else {})}

    def _further(self, access: Access, page: dict[str, Any], url: str, deadline: float) -> Iterator[dict[str, Any]]:
        """The following pages, on the same origin, so many at the most; what cannot be had leaves a next link."""
        for _ in range(self._pages - 1):
            following = next((link.get("url") for link in _links(page) if link.get("relation") == "next"), None)
            if not isinstance(following, str):
                return
            address = urljoin(url, following)
            if _origin(address) != _origin(access.base):
                return
            try:
                found = self._get(access, address, deadline, search=False)
            except _RefusedError:
                return
            if not isinstance(found, dict) or found.get("resourceType") != "Bundle":
                return
            page = found
            yield page

    def _get(self, access: Access, url: str, deadline: float, *, search: bool) -> Any:
        """GET, or POST _search where the URL is long or the server refuses GET; one retry of a passing fault."""
        by_post = search and len(url) > _LONGEST_URL
        answer = self._send(access, url, deadline, by_post=by_post)
        again = answer.status_code in (502, 503, 504) and _left(deadline) > _WORTH_TRYING_SECONDS
        if again or (search and not by_post and answer.status_code in _SEARCH_BY_POST):
            answer.close()
            answer = self._send(access, url, deadline, by_post=by_post or not again)
        with answer:
            if answer.status_code in (404, 410) and not search:
                return None
            if answer.status_code in (401, 403):
                raise _RefusedError(NOT_PERMITTED)
            if answer.status_code != 200:
                raise _RefusedError(REFUSED)
            return _json(self._body(answer, deadline))

    def _send(self, access: Access, url: str, deadline: float, *, by_post: bool) -> requests.Response:
        headers = {"Accept": "application/fhir+json"}
        if access.token:
            headers["Authorization"] = f"Bearer {access.token}"
        seconds = _left(deadline)
        if seconds <= 0:
            raise _RefusedError(LATE)
        path, _, query = url.partition("?")
        method, address = ("POST", f"{path}/_search") if by_post else ("GET", url)
        if by_post:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            return self._session.request(
                method,
                address,
                data=query if by_post else None,
                headers=headers,
                timeout=seconds,
                stream=True,
                allow_redirects=False,
            )
        except requests.Timeout:
            raise _RefusedError(LATE) from None
        except requests.RequestException:
            raise _RefusedError(UNREACHABLE) from None

    def _body(self, answer: requests.Response, deadline: float) -> bytes:
        """The body, within bounds of size and time: a server may drip."""
        found = bytearray()
        try:
            for chunk in answer.iter_content(65536):
                found += chunk
                if len(found) > self._bytes:
                    raise _RefusedError(TOO_MUCH)
                if _left(deadline) <= 0:
                    raise _RefusedError(LATE)
        except requests.RequestException:
            raise _RefusedError(LATE if _left(deadline) <= 0 else UNREACHABLE) from None
        return bytes(found)


def _result(future: Future[Any]) -> Any:
    if not future.done():
        future.cancel()
        raise _RefusedError(LATE)
    return future.result()


def _json(body: bytes) -> Any:
    """Decimals digit by digit; anything that is not a JSON object is not understood."""
    try:
        found = simplejson.loads(body.decode("utf-8-sig"), use_decimal=True)
    except (ValueError, RecursionError):
        raise _RefusedError(NOT_UNDERSTOOD) from None
    if not isinstance(found, dict) or "resourceType" not in found:
        raise _RefusedError(NOT_UNDERSTOOD)
    return found


def _entries(bundle: Mapping[str, Any]) -> list[Any]:
    found = bundle.get("entry")
    return found if isinstance(found, list) else []


def _links(bundle: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = bundle.get("link")
    return [link for link in found if isinstance(link, Mapping)] if isinstance(found, list) else []


def _left(deadline: float) -> float:
    return deadline - time.monotonic()


def _normal(base: str) -> str:
    """Scheme, host and port in lower case, the path as it is, no trailing slash."""
    parts = urlsplit(base.rstrip("/"))
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, parts.port or default
