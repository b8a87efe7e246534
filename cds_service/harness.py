"""Calls other people's services and servers, for `try`, `fixtures` and `check --links`. The client's side of the wire.

Follows no redirect (but those of a page), sends a token only to the address that was given, and never over plain HTTP
beyond this machine.
What comes back is judged by `hooks.rule_check`; nothing here knows what the cards should say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests

from cds_service.errors import BlinatumomabCdsError, CallError
from cds_service.hooks.rule_check import answer_breaches, discovery_breaches
from cds_service.hooks.rules import Breach, breach
from cds_service.web.json_body import dump_json, parse_json

JSON, FHIR = "application/json", "application/fhir+json"
_DISCOVERY = "/cds-services"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SLOW_MILLISECONDS = 500
_PAGE_SECONDS = 20
_LONGEST_DIAGNOSTICS = 600


Token = str | Callable[[str], str] | None
"""A bearer token, or what makes one for the address that is called."""


class AddressError(BlinatumomabCdsError):
    """An address that we do not call; the text says why and what to give instead."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, or why nothing did (`status` None)."""

    status: int | None
    content_type: str = ""
    body: bytes = b""
    milliseconds: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that a discovery document offers."""

    id: str
    hook: str
    prefetch: Mapping[str, str] | None
    """None: it asks for none."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a service says of itself, and the rules that broke."""

    url: str
    offers: tuple[Offer, ...]
    breaches: tuple[Breach, ...]
    milliseconds: float

    def answering(self, hook: str, chosen: Sequence[str] = ()) -> tuple[Offer, ...]:
        """The services for a hook; only those of `chosen` ids where there are any."""
        return tuple(offer for offer in self.offers if offer.hook == hook and (not chosen or offer.id in chosen))


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a FHIR server said to one transaction."""

    status: int | None
    problem: str
    """Empty when it took all of it."""

    @property
    def hopeless(self) -> bool:
        """The next one would fare no better: nobody there, or we may not."""
        return self.status in (None, 401, 403, 404, 405)


class Client:
    """Pooled connections to one server. `token` is sent as a bearer token with every request; `seconds` bounds each."""

    def __init__(self, url: str, *, token: Token = None, seconds: float = 10.0) -> None:
        """Raises AddressError for an address that is not called."""
        _check_address(url, token)
        self._session = requests.Session()
        # As an `auth`, so that no .netrc puts something of its own in the place of the token, or of none.
        self._session.auth = partial(_authorized, token=token)
        self._seconds = seconds

    def get(self, url: str, accept: str = JSON) -> Reply:
        """GET."""
        return self._request("GET", url, None, {"Accept": accept})

    def post(self, url: str, body: bytes, kind: str = JSON) -> Reply:
        """POST this body as it is."""
        return self._request("POST", url, body, {"Accept": kind, "Content-Type": kind})

    def _request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        begun = time.perf_counter()
        try:
            answer = self._session.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=self._seconds,
                allow_redirects=False,
            )
        except requests.RequestException as problem:
            return Reply(None, milliseconds=_since(begun), problem=_why(problem, self._seconds))
        kind = answer.headers.get("Content-Type", "")
        return Reply(answer.status_code, kind, answer.content, _since(begun))


def page_at(address: str) -> tuple[bool, str]:
    """Does a reader get a page there, and what came; redirects are followed, as a browser does. No token is sent."""
    headers = {"User-Agent": "blinatumomab-cds check --links"}
    try:
        with requests.get(address, timeout=_PAGE_SECONDS, headers=headers, stream=True) as answer:
            return answer.ok, f"{answer.status_code} {answer.reason}"
    except requests.RequestException as failure:
        return False, f"not reached: {type(failure).__name__}"


def service_address(url: str) -> tuple[str, str | None]:
    """The discovery address of a service, and the service id when the address names one.

    Takes `…/cds-services`, its parent, or `…/cds-services/<id>`.
    """
    plain = url.split("#")[0].split("?")[0].rstrip("/")
    before, found, after = plain.partition(_DISCOVERY)
    if found and after.startswith("/") and "/" not in after[1:]:
        return before + _DISCOVERY, after[1:]
    return (plain if plain.endswith(_DISCOVERY) else plain + _DISCOVERY), None


def discover(client: Client, url: str) -> Discovery:
    """Read `…/cds-services`. What cannot be read is a breach, never an error."""
    reply = client.get(url)
    warning = () if _private(url) else (breach("A-02", "", "this address is plain HTTP"),)
    if reply.status != 200:
        said = breach("B-03", "", reply.problem or f"the answer is {reply.status}")
        return Discovery(url, (), (said, *warning), reply.milliseconds)
    document, wrong = _json(reply)
    found = () if document is None else discovery_breaches(document)
    return Discovery(url, _offers(document), (*wrong, *found, *warning), reply.milliseconds)


def judge(reply: Reply, call: Mapping[str, Any] | None) -> tuple[Any, tuple[Breach, ...]]:
    """The answer as JSON (None when there is none to judge) and every rule it breaks."""
    if reply.status is None:
        return None, (breach("G-01", "", reply.problem),)
    slow = () if reply.milliseconds <= _SLOW_MILLISECONDS else (breach("R-01", "", f"{reply.milliseconds:.0f} ms"),)
    if reply.status != 200:
        words = f"the answer is {reply.status}"
        told = () if outcome_text(reply) is not None else (breach("G-06", "", "it has none"),)
        return None, (breach("G-01", "", words), *told, *slow)
    document, wrong = _json(reply)
    found = () if document is None else answer_breaches(document, call)
    return document, (*wrong, *found, *slow)


def transaction(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """A Bundle as a transaction that puts every resource under its own id: sending it twice changes nothing."""
    entries = [
        {
            "fullUrl": entry["fullUrl"],
            "resource": entry["resource"],
            "request": {"method": "PUT", "url": f"{entry['resource']['resourceType']}/{entry['resource']['id']}"},
        }
        for entry in bundle["entry"]
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def load(client: Client, base: str, bundle: Mapping[str, Any]) -> Loaded:
    """Send one transaction to a FHIR server; its own words where it does not take it."""
    reply = client.post(base, dump_json(bundle).encode(), FHIR)
    if reply.status is None:
        return Loaded(None, reply.problem)
    if reply.status not in (200, 201):
        said = outcome_text(reply)
        return Loaded(reply.status, f"{reply.status}: {said or _USUAL.get(reply.status, 'no reason given')}")
    return Loaded(reply.status, _refused_entries(reply, len(bundle["entry"])))


def outcome_text(reply: Reply) -> str | None:
    """What an OperationOutcome says, in one line; None when the body is none."""
    document, _ = _json(reply)
    if not isinstance(document, Mapping) or document.get("resourceType") != "OperationOutcome":
        return None
    issues = document.get("issue")
    told = [_issue(each) for each in issues if isinstance(each, Mapping)] if isinstance(issues, list) else []
    return " ".join("; ".join(filter(None, told)).split())[:_LONGEST_DIAGNOSTICS] or "an OperationOutcome without words"


_USUAL: Mapping[int, str] = {
    401: "it wants to know who is calling; give --token-file",
    403: "this token may not write",
    404: "no FHIR server answers there; give the base URL, the one below which /metadata answers",
    405: "it takes no transactions at this address",
    413: "it takes no body of this size",
}


def _issue(issue: Mapping[str, Any]) -> str:
    details = issue.get("details")
    words = issue.get("diagnostics") or (details.get("text") if isinstance(details, Mapping) else None)
    return str(words or issue.get("code") or "")


def _refused_entries(reply: Reply, sent: int) -> str:
    """What is wrong with a 200: a server may answer so and still have left entries out."""
    document, wrong = _json(reply)
    if wrong and document is None:
        return wrong[0].what
    entries = document.get("entry") if isinstance(document, Mapping) else None
    found = entries if isinstance(entries, list) else []
    statuses = [str((each.get("response") or {}).get("status", "")) for each in found if isinstance(each, Mapping)]
    refused = [status for status in statuses if not status.startswith("2")]
    if refused:
        return f"{len(refused)} of {sent} entries were not taken, the first with {refused[0]!r}"
    return "" if len(statuses) == sent else f"{len(statuses)} of {sent} entries were answered"


def _offers(document: Any) -> tuple[Offer, ...]:
    entries = document.get("services") if isinstance(document, Mapping) else None
    found = [each for each in entries if isinstance(each, Mapping)] if isinstance(entries, list) else []
    return tuple(
        Offer(each["id"], each["hook"], _templates(each.get("prefetch")))
        for each in found
        if isinstance(each.get("id"), str) and isinstance(each.get("hook"), str)
    )


def _templates(prefetch: Any) -> Mapping[str, str] | None:
    if not isinstance(prefetch, Mapping):
        return None
    return {key: text for key, text in prefetch.items() if isinstance(text, str)}


def _json(reply: Reply) -> tuple[Any, tuple[Breach, ...]]:
    kind = reply.content_type.partition(";")[0].strip().lower()
    odd = () if kind == JSON or kind.endswith("+json") else (breach("G-09", "", "it is another one"),)
    try:
        return parse_json(reply.body), odd
    except CallError as mistake:
        return None, (breach("A-01", "", mistake.message.removeprefix("the body cannot be read: ")), *odd)


def _authorized(request: requests.PreparedRequest, token: Token) -> requests.PreparedRequest:
    if token:
        made = token((request.url or "").partition("?")[0]) if callable(token) else token
        request.headers["Authorization"] = f"Bearer {made}"
    return request


def _check_address(url: str, token: Token) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host:
        raise AddressError(f"{url!r} is not an address to call; give one like https://cds.example.org")
    if parts.username or parts.password:
        raise AddressError("no name or password in the address; give a token with --token-file")
    if token and not _private(url):
        raise AddressError("a token is not sent over plain HTTP, except to this machine; give an https address")


def _private(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def _why(problem: requests.RequestException, seconds: float) -> str:
    if isinstance(problem, requests.Timeout):
        return f"no answer within {seconds:g} s"
    if isinstance(problem, requests.exceptions.SSLError):
        return "its TLS certificate cannot be trusted"
    if isinstance(problem, requests.ConnectionError):
        return "nobody answers at this address, or the connection broke"
    return f"the request failed ({type(problem).__name__})"


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
