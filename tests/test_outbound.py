"""Where this service calls: only what is listed, in one spelling, at a number that was judged; in bounds.

No name is resolved outside: the resolver is given, at the rim. Servers stand on loopback.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.ehr import Ehr
from cds_service.fhir_answers import TOO_MUCH, UNREACHABLE
from cds_service.hooks.needs import Access, Need
from cds_service.outbound import (
    Ask,
    LateError,
    NotPermittedError,
    Outbound,
    OutboundError,
    Reach,
    TooMuchError,
    UnreachableError,
    is_public,
    parse,
    within,
)
from cds_service.outbound.lookup import Lookups
from cds_service.settings import Settings
from tests.tls_builders import make_authority, server_context

LISTED = "https://ehr.example.org/fhir/r4"
PATIENT = Need("patient", "Patient/x", template=True)
LOCAL = (ip_network("127.0.0.0/8"),)
Reply = Callable[[BaseHTTPRequestHandler], None]


def leads_to(*numbers: str) -> Callable[[str, int], Sequence[str]]:
    return lambda host, port: numbers


def unresolved(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} must not even be resolved")


# --- by the text alone ------------------------------------------------------------------------------------------------

NEVER = {
    "another host": "https://evil.example/fhir/r4",
    "a longer host": "https://ehr.example.org.evil.example/fhir/r4",
    "a host before": "https://evil-ehr.example.org/fhir/r4",
    "a shorter host": "https://example.org/fhir/r4",
    "trailing dot": "https://ehr.example.org./fhir/r4",
    "empty label": "https://ehr..example.org/fhir/r4",
    "plain http": "http://ehr.example.org/fhir/r4",
    "another scheme": "ftp://ehr.example.org/fhir/r4",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_INFO",
    "data": "data:application/json,{}",
    "scheme left out": "//ehr.example.org/fhir/r4",
    "one slash": "https:/ehr.example.org/fhir/r4",
    "three slashes": "https:///ehr.example.org/fhir/r4",
    "another port": "https://ehr.example.org:8443/fhir/r4",
    "http port": "https://ehr.example.org:80/fhir/r4",
    "port zero": "https://ehr.example.org:0/fhir/r4",
    "port with zeros": "https://ehr.example.org:0443/fhir/r4",
    "port too large": "https://ehr.example.org:65979/fhir/r4",  # 443 modulo 65536
    "port empty": "https://ehr.example.org:/fhir/r4",
    "port signed": "https://ehr.example.org:+443/fhir/r4",
    "port in other digits": "https://ehr.example.org:４４３/fhir/r4",
    "user": "https://ehr.example.org@evil.example/fhir/r4",
    "user and password": "https://ehr.example.org:443@evil.example/fhir/r4",
    "user on the right host": "https://user:pw@ehr.example.org/fhir/r4",
    "escaped at": "https://ehr.example.org%40evil.example/fhir/r4",
    "two ats": "https://a@ehr.example.org@evil.example/fhir/r4",
    "backslash": "https://ehr.example.org\\@evil.example/fhir/r4",
    "backslash as slash": "https:\\\\ehr.example.org\\fhir\\r4",
    "backslash behind the host": "https://evil.example\\.ehr.example.org/fhir/r4",
    "fragment": "https://evil.example#@ehr.example.org/fhir/r4",
    "fragment behind": "https://ehr.example.org/fhir/r4#x",
    "query of the base": "https://ehr.example.org/fhir/r4?x=1",
    "query as host": "https://evil.example?@ehr.example.org/fhir/r4",
    "blank before": " https://ehr.example.org/fhir/r4",
    "blank behind": "https://ehr.example.org/fhir/r4 ",
    "blank inside": "https://ehr.example.org /fhir/r4",
    "tab inside": "https://ehr.exam\tple.org/fhir/r4",
    "line break": "https://ehr.example.org/fhir/r4\r\nHost: evil.example",
    "null": "https://ehr.example.org\0.evil.example/fhir/r4",
    "escaped dot in the host": "https://ehr%2eexample%2eorg/fhir/r4",
    "ideographic full stop": "https://ehr。example。org/fhir/r4",
    "full-width letters": "https://ｅｈｒ.example.org/fhir/r4",
    "a letter that folds": "https://ehr.example.orɡ/fhir/r4",
    "long s": "https://ehr.example.org/fhir/r4".replace("s", "ſ"),
    "soft hyphen": "https://ehr.exam\u00adple.org/fhir/r4",
    "underscore": "https://ehr_.example.org/fhir/r4",
    "decimal": "https://2130706433/fhir/r4",
    "octal": "https://0177.0.0.1/fhir/r4",
    "octal whole": "https://017700000001/fhir/r4",
    "hexadecimal": "https://0x7f000001/fhir/r4",
    "hexadecimal by parts": "https://0x7f.0x0.0x0.0x1/fhir/r4",
    "short": "https://127.1/fhir/r4",
    "shorter": "https://0/fhir/r4",
    "five parts": "https://127.0.0.0.1/fhir/r4",
    "other digits": "https://①②⑦.⓪.⓪.①/fhir/r4",
    "arabic digits": "https://١٢٧.٠.٠.١/fhir/r4",
    "loopback": "https://127.0.0.1/fhir/r4",
    "loopback by name": "https://localhost/fhir/r4",
    "loopback v6": "https://[::1]/fhir/r4",
    "unspecified": "https://0.0.0.0/fhir/r4",
    "unspecified v6": "https://[::]/fhir/r4",
    "mapped": "https://[::ffff:127.0.0.1]/fhir/r4",
    "mapped in hexadecimal": "https://[::ffff:7f00:1]/fhir/r4",
    "zone": "https://[fe80::1%25eth0]/fhir/r4",
    "zone unescaped": "https://[fe80::1%eth0]/fhir/r4",
    "bracket open": "https://[::1/fhir/r4",
    "name in brackets": "https://[ehr.example.org]/fhir/r4",
    "metadata of clouds": "https://169.254.169.254/latest/meta-data/",
    "metadata by name": "http://metadata.google.internal/computeMetadata/v1/",
    "carrier network": "https://100.64.0.1/fhir/r4",
    "private": "https://10.0.0.1/fhir/r4",
    "another path": "https://ehr.example.org/fhir/r5",
    "a path that begins alike": "https://ehr.example.org/fhir/r4evil",
    "the path above": "https://ehr.example.org/fhir",
    "up": "https://ehr.example.org/fhir/r4/../../admin",
    "up escaped": "https://ehr.example.org/fhir/r4/%2e%2e/admin",
    "up half escaped": "https://ehr.example.org/fhir/r4/.%2E/admin",
    "up escaped twice": "https://ehr.example.org/fhir/r4/%252e%252e/admin",
    "up with a parameter": "https://ehr.example.org/fhir/r4/..;/admin",
    "up with escaped slash": "https://ehr.example.org/fhir/r4/..%2fadmin",
    "up with escaped backslash": "https://ehr.example.org/fhir/r4/..%5cadmin",
    "here": "https://ehr.example.org/fhir/./r4",
    "escaped control": "https://ehr.example.org/fhir/r4/%0d%0aHost:evil",
    "broken escape": "https://ehr.example.org/fhir/r4/%zz",
    "empty": "",
    "very long": f"https://ehr.example.org/fhir/r4/{'a' * 9000}",
}


@pytest.mark.parametrize("url", NEVER.values(), ids=NEVER)
def test_a_server_that_is_not_plainly_the_listed_one_is_not_even_resolved(url: str) -> None:
    outbound = Outbound(Reach(), resolve=unresolved)
    ehr = Ehr(Settings(fhir_servers=(LISTED,)), outbound)
    assert not ehr.permits(Access(url))
    assert ehr.fetch(Access(url, "t0ken"), [PATIENT], seconds=1).problems == {"patient": UNREACHABLE}
    if within_is_meant(url):
        return
    with pytest.raises(NotPermittedError):
        outbound.read(Ask(url, within=LISTED, max_bytes=1), deadline=time.monotonic() + 1)


def within_is_meant(url: str) -> bool:
    """A query is no part of a base, but may stand behind one."""
    return url == NEVER["query of the base"]


@pytest.mark.parametrize(
    "url",
    [
        LISTED,
        f"{LISTED}/",
        "HTTPS://EHR.Example.ORG/fhir/r4",
        "https://ehr.example.org:443/fhir/r4",
    ],
)
def test_the_listed_server_in_every_spelling_that_means_the_same_is_read(url: str) -> None:
    assert Ehr(Settings(fhir_servers=(LISTED,))).permits(Access(url))


def test_a_client_with_a_list_of_its_own_reads_that_and_nothing_else() -> None:
    ehr = Ehr(Settings(fhir_servers=(LISTED,)))
    other = "https://other.example.org/fhir"
    assert ehr.permits(Access(other, servers=(other,)))
    assert not ehr.permits(Access(LISTED, servers=(other,)))
    assert not ehr.permits(Access(LISTED, servers=()))
    assert ehr.permits(Access(LISTED, servers=None))


def test_http_is_read_where_the_setting_says_so_and_the_list_names_it_so() -> None:
    plain = LISTED.replace("https", "http")
    assert not Ehr(Settings(fhir_servers=(plain,))).permits(Access(plain))
    assert Ehr(Settings(fhir_servers=(plain,), outbound_http=True)).permits(Access(plain))
    assert not Ehr(Settings(fhir_servers=(LISTED,), outbound_http=True)).permits(Access(plain))


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.\[\]:@\\%#?/_-]{0,40}", fullmatch=True))
def test_whatever_is_understood_is_called_as_it_was_understood(text: str) -> None:
    try:
        address = parse(text)
    except NotPermittedError:
        return
    assert parse(address.base).origin == address.origin
    assert text.isascii()
    assert text.lower().startswith((f"{address.scheme}://{address.host}", f"{address.scheme}://["))
    assert within(address, address)


# --- by the number it leads to ----------------------------------------------------------------------------------------

NOT_PUBLIC = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "169.254.170.2", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "fe80::1"),
    *("fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "64:ff9b::7f00:1"),
    *("64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:7f00:1::", "100::1", "2001:2::1", "3fff::1", "5f00::1"),
)
PUBLIC = ("8.8.8.8", "172.32.0.1", "100.63.255.255", "100.128.0.1", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8")


@pytest.mark.parametrize("number", NOT_PUBLIC)
def test_a_listed_name_that_leads_to_a_number_not_public_is_not_connected(number: str) -> None:
    assert not is_public(ip_address(number.partition("%")[0]))
    outbound = Outbound(Reach(), resolve=leads_to(number))
    with pytest.raises(NotPermittedError):
        outbound.read(Ask(LISTED, within=LISTED, max_bytes=1), deadline=time.monotonic() + 1)


@pytest.mark.parametrize("number", PUBLIC)
def test_a_public_number_is_public(number: str) -> None:
    assert is_public(ip_address(number))


def test_one_bad_number_among_good_ones_is_one_too_many() -> None:
    outbound = Outbound(Reach(), resolve=leads_to("8.8.8.8", "127.0.0.1"))
    with pytest.raises(NotPermittedError):
        outbound.read(Ask(LISTED, within=LISTED, max_bytes=1), deadline=time.monotonic() + 1)


def test_a_network_that_a_setting_names_may_be_reached_and_its_neighbour_not() -> None:
    reach = Reach.of(Settings(outbound_networks=("10.20.0.0/16", "fd00:1::/32")))
    assert [reach.allows(number) for number in ("10.20.0.1", "10.21.0.1", "fd00:1::5", "fd00:2::5")] == [
        True,
        False,
        True,
        False,
    ]


def test_the_sandbox_reaches_this_machine_and_nothing_else_that_is_private() -> None:
    reach = Reach(loopback=True)
    assert [reach.allows(number) for number in ("127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "0.0.0.0")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_number_in_the_list_is_listed() -> None:
    with serving(says(200, b'{"resourceType": "Patient"}')) as (port, _):
        base = f"http://127.0.0.1:{port}/fhir"
        ehr = Ehr(Settings(fhir_servers=(base,), outbound_http=True))
        assert ehr.fetch(Access(base), [PATIENT], seconds=2).values == {"patient": {"resourceType": "Patient"}}


def test_a_name_that_changes_after_the_check_is_called_at_the_number_that_was_checked() -> None:
    """Rebinding: the second answer of the resolver would be another server. It is never asked for."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    with serving(says(200, b"{}")) as (port, seen):
        base = f"http://ehr.test:{port}/fhir"
        outbound = Outbound(Reach(LOCAL, http=True), resolve=rebinding)
        for _ in range(2):  # the second goes over the connection of the first
            answer = outbound.read(Ask(f"{base}/x", within=base, max_bytes=10), deadline=time.monotonic() + 2)
            assert answer.status == 200
    assert asked == ["ehr.test"]
    assert [headers["Host"] for _, headers in seen] == [f"ehr.test:{port}"] * 2


def test_a_name_that_leads_astray_later_is_refused_with_the_next_connection() -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with serving(says(200, b"{}", Connection="close")) as (port, seen):
        base = f"http://ehr.test:{port}/fhir"
        outbound = Outbound(Reach(LOCAL, http=True), resolve=lambda host, port: next(answers))
        ask = Ask(f"{base}/x", within=base, max_bytes=10)
        assert outbound.read(ask, deadline=time.monotonic() + 2).status == 200
        with pytest.raises(NotPermittedError):
            outbound.read(ask, deadline=time.monotonic() + 2)
    assert len(seen) == 1


def test_a_second_number_is_tried_where_the_first_does_not_answer() -> None:
    with serving(says(200, b"{}")) as (port, _):
        base = f"http://ehr.test:{port}"
        outbound = Outbound(
            Reach((*LOCAL, ip_network("::1/128")), http=True), resolve=leads_to("127.9.9.9", "127.0.0.1")
        )
        answer = outbound.read(Ask(base, within=base, max_bytes=10), deadline=time.monotonic() + 2)
    assert answer.status == 200


# --- certificates -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Path]:
    folder = tmp_path_factory.mktemp("tls")
    file, _, key = make_authority(folder)
    return file, key, folder


@pytest.mark.parametrize(
    ("certified", "trusted", "reached"),
    [("ehr.test", True, True), ("other.test", True, False), ("ehr.test", False, False)],
    ids=["its own name", "another name", "an unknown authority"],
)
def test_the_certificate_has_to_be_that_of_the_name_though_the_number_is_called(
    authority: tuple[Path, Any, Path], certified: str, trusted: bool, reached: bool
) -> None:
    file, key, folder = authority
    reach = Reach(LOCAL, ca_file=file if trusted else None)
    with serving(says(200, b"{}"), tls=server_context(folder, certified, key)) as (port, seen):
        base = f"https://ehr.test:{port}/fhir"
        outbound = Outbound(reach, resolve=leads_to("127.0.0.1"))
        ask = Ask(base, within=base, max_bytes=10, headers={"Authorization": "Bearer s3cret"})
        if reached:
            assert outbound.read(ask, deadline=time.monotonic() + 5).body == b"{}"
        else:
            with pytest.raises(UnreachableError):
                outbound.read(ask, deadline=time.monotonic() + 5)
    assert bool(seen) == reached, "no token crosses before the certificate is proved"


# --- pages, redirects, tokens -----------------------------------------------------------------------------------------

ELSEWHERE = {
    "another origin": "https://evil.example/page2",
    "another scheme": "https://127.0.0.1:{port}/fhir/page2",
    "another port": "http://127.0.0.1:{other}/fhir/page2",
    "without scheme": "//127.0.0.1:{other}/fhir/page2",
    "user": "http://127.0.0.1:{port}@127.0.0.1:{other}/fhir/page2",
    "backslash": "http://127.0.0.1:{port}\\@127.0.0.1:{other}/fhir/page2",
    "another name of this machine": "http://localhost:{other}/fhir/page2",
    "another path": "http://127.0.0.1:{port}/admin",
    "up": "../admin",
    "up escaped": "http://127.0.0.1:{port}/fhir/%2e%2e/admin",
    "file": "file:///etc/passwd",
    "broken": "http://[::1",
    "list": ["http://127.0.0.1:{port}/fhir/page2"],
}


@pytest.mark.parametrize("following", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_next_link_out_of_the_base_is_not_followed_and_the_token_stays(following: Any) -> None:
    with serving(says(200, b"{}")) as (other, strangers):
        link: list[Any] = []

        def page(handler: BaseHTTPRequestHandler) -> None:
            body = {"resourceType": "Bundle", "link": [{"relation": "next", "url": link[0]}]}
            says(200, json.dumps(body).encode())(handler)

        with serving(page) as (port, seen):
            text = following if isinstance(following, str) else following[0]
            told = text.format(port=port, other=other)
            link.append(told if isinstance(following, str) else [told])
            need = Need("conditions", "Condition?patient=x", template=True)
            ehr = Ehr(Settings(), loopback=True)
            found = ehr.fetch(Access(f"http://127.0.0.1:{port}/fhir", "s3cret"), [need], seconds=2)
    assert len(seen) == 1
    assert strangers == []
    assert found.values["conditions"]["link"], "an unread page leaves its link: absence may not be concluded"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_and_the_token_reaches_the_first_server_only(status: int) -> None:
    with serving(says(200, b'{"resourceType": "Patient"}')) as (other, strangers):
        location = f"http://127.0.0.1:{other}/fhir/Patient/x"
        with serving(says(status, b"", Location=location)) as (port, seen):
            ehr = Ehr(Settings(), loopback=True)
            found = ehr.fetch(Access(f"http://127.0.0.1:{port}/fhir", "s3cret"), [PATIENT], seconds=2)
    assert strangers == []
    assert [headers["Authorization"] for _, headers in seen] == ["Bearer s3cret"]
    assert found.values == {}


def test_two_servers_each_get_their_own_token_and_never_the_others() -> None:
    reply = says(200, b'{"resourceType": "Patient"}')
    with serving(reply) as (one, by_one), serving(reply) as (two, by_two):
        ehr = Ehr(Settings(), loopback=True)
        for port, token in ((one, "first"), (two, "second"), (one, None), (two, "third")):
            ehr.fetch(Access(f"http://127.0.0.1:{port}/fhir", token), [PATIENT, PATIENT], seconds=2)
    assert {headers["Authorization"] for _, headers in by_one} == {"Bearer first", None}
    assert {headers["Authorization"] for _, headers in by_two} == {"Bearer second", "Bearer third"}


@pytest.mark.parametrize("token", ["a\r\nHost: evil.example", "a\nb", "naïve€", "a\0b"])
def test_a_token_cannot_smuggle_a_header(token: str) -> None:
    with serving(says(200, b'{"resourceType": "Patient"}')) as (port, seen):
        found = Ehr(Settings(), loopback=True).fetch(Access(f"http://127.0.0.1:{port}/x", token), [PATIENT], seconds=2)
    assert all(headers["Host"] == f"127.0.0.1:{port}" for _, headers in seen)
    assert not any("\n" in (headers["Authorization"] or "") for _, headers in seen)
    assert found.problems == {"patient": UNREACHABLE} or token == "a\0b"


@pytest.mark.parametrize("query", ["Patient/../../admin", "Patient/%2e%2e/admin", "Patient/.", "Medication/.."])
def test_an_id_of_the_caller_does_not_lead_out_of_the_base(query: str) -> None:
    with serving(says(200, b'{"resourceType": "Patient"}')) as (port, seen):
        found = Ehr(Settings(), loopback=True).fetch(
            Access(f"http://127.0.0.1:{port}/fhir"), [Need("patient", query)], seconds=2
        )
    assert (seen, found.values) == ([], {})


def test_no_proxy_and_no_netrc_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password x")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with (
        serving(says(200, b"{}")) as (proxy, strangers),
        serving(says(200, b'{"resourceType": "Patient"}')) as (
            port,
            seen,
        ),
    ):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
        Ehr(Settings(), loopback=True).fetch(Access(f"http://127.0.0.1:{port}/fhir"), [PATIENT], seconds=2)
    assert strangers == []
    assert [headers["Authorization"] for _, headers in seen] == [None]


# --- how long and how much --------------------------------------------------------------------------------------------


def drips(line: bytes) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(line)
        for _ in range(100):
            try:
                handler.wfile.write(b"x")
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    return reply


@pytest.mark.parametrize(
    "line",
    [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"],
    ids=["status", "header", "body"],
)
def test_a_server_that_drips_is_left_at_the_deadline_and_its_thread_is_free(line: bytes) -> None:
    with serving(drips(line), closes=True) as (port, _):
        base = f"http://127.0.0.1:{port}/fhir"
        outbound = Outbound(Reach(loopback=True))
        begun = time.monotonic()
        with pytest.raises(LateError):
            outbound.read(Ask(base, within=base, max_bytes=10_000), deadline=begun + 0.4)
        assert 0.3 < time.monotonic() - begun < 0.8


@pytest.mark.parametrize("told", ["length", "chunks", "packed"])
def test_an_answer_that_is_too_large_is_not_read_to_its_end(told: str) -> None:
    sent = [0]

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        packed = gzip.compress(bytes(30_000_000)) if told == "packed" else b""
        if packed:
            handler.send_header("Content-Encoding", "gzip")
        handler.end_headers()
        try:
            while sent[0] < 50_000_000:
                sent[0] += handler.wfile.write(packed or bytes(65536))
                if packed:
                    return
        except OSError:
            return

    with serving(endless, closes=True) as (port, _):
        base = f"http://127.0.0.1:{port}/fhir"
        with pytest.raises(TooMuchError):
            Outbound(Reach(loopback=True)).read(
                Ask(base, within=base, max_bytes=100_000), deadline=time.monotonic() + 5
            )
        found = Ehr(Settings(fetch_max_bytes=100_000), loopback=True).fetch(Access(base), [PATIENT], seconds=5)
    assert found.problems == {"patient": TOO_MUCH}
    assert sent[0] < 20_000_000


@pytest.mark.parametrize("status", [204, 206, 302, 404, 500])
def test_the_body_of_an_answer_that_is_no_200_is_not_read(status: int) -> None:
    with serving(says(status, b"" if status == 204 else b"secret of that server")) as (port, _):
        base = f"http://127.0.0.1:{port}/fhir"
        answer = Outbound(Reach(loopback=True)).read(
            Ask(base, within=base, max_bytes=10), deadline=time.monotonic() + 2
        )
    assert (answer.status, answer.body) == (status, b"")


def test_no_time_left_is_late_without_a_call() -> None:
    outbound = Outbound(Reach(), resolve=unresolved)
    with pytest.raises(LateError):
        outbound.read(Ask(LISTED, within=LISTED, max_bytes=1), deadline=time.monotonic() - 1)


def test_what_is_said_of_trouble_quotes_no_address_and_no_token() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/s3cret"
    troubles = []
    for url in (base, "http://s3cret.example/x", f"{base}/../x"):
        ask = Ask(url, within=base, max_bytes=1, headers={"Authorization": "Bearer s3cret"})
        with pytest.raises(OutboundError) as trouble:
            Outbound(Reach(loopback=True)).read(ask, deadline=time.monotonic() + 1)
        troubles.append(f"{trouble.value!r} {ask!r}".replace(repr(url), "").replace(repr(base), ""))
        assert trouble.value.__suppress_context__ or trouble.value.__context__ is None
    assert "s3cret" not in " ".join(troubles)


# --- servers on loopback ----------------------------------------------------------------------------------------------


def says(status: int, body: bytes, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


@contextmanager
def serving(
    reply: Reply, tls: SSLContext | None = None, *, closes: bool = False
) -> Iterator[tuple[int, list[tuple[str, Any]]]]:
    """A server that always replies like this: its port, and the path and headers of what it was asked."""
    seen: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            seen.append((self.path, self.headers))
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            reply(self)
            self.close_connection = self.close_connection or closes

        do_GET = do_POST = _any  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...

    server = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_lookup_for_which_no_thread_could_be_had_is_asked_anew_by_the_next_call() -> None:
    lookups = Lookups(lambda host, port: ["8.8.8.8"])
    before = threading.stack_size(1 << 47)  # more than a process can address: no thread can be started
    try:
        with pytest.raises(OSError, match="no thread"):
            lookups.numbers("ehr.example.org", 443, seconds=1)
    finally:
        threading.stack_size(before)
    assert lookups.numbers("ehr.example.org", 443, seconds=5) == ["8.8.8.8"]
