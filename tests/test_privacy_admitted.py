"""The same as `test_privacy`, of a service that asks for tokens: marks in claims, headers and calls of a client."""

from __future__ import annotations

import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service.store import Registry, Store
from cds_service.web.json_body import dump_json
from tests.hook_builders import SIGN_URL
from tests.test_privacy import MARK, NAMES, bad_requests, feedback, leaks, marked
from tests.test_trust_store import worker
from tests.trust_builders import EHR, PUBLIC, client, token

FEEDBACK_URL = f"{SIGN_URL}/feedback"
FORGED: tuple[dict[str, Any], ...] = (
    {"iss": f"https://{MARK}.example.org"},
    {"aud": f"https://{MARK}.example.org"},
    {"tenant": f"{MARK}-tenant", "jti": ""},
    {"exp": f"{MARK}"},
    {"sub": f"{MARK}-user", "nbf": f"{MARK}"},
)


def headers(path: str, head: dict[str, Any] | None = None, **changes: Any) -> dict[str, str]:
    now = int(time.time())
    good = {"iat": now, "exp": now + 300, "aud": PUBLIC + path, "jti": f"{MARK}-{uuid.uuid4()}", "sub": f"{MARK}-sub"}
    made = token(head, **(good | changes))
    return {"Authorization": f"Bearer {made}", "Content-Type": "application/json", "X-Request-Id": MARK}


@pytest.mark.slow
def test_nothing_marked_comes_out_of_a_service_that_asks_for_tokens_but_in_the_cards(tmp_path: Path) -> None:
    database = str(tmp_path / "s.sqlite3")
    with closing(Store(database)) as store:
        Registry(store).add(client(fhir_servers=(EHR,)))
    told: dict[str, str] = {}
    body = marked(NAMES[0], EHR)
    with worker(database) as url:

        def post(path: str, content: Any, said: dict[str, str]) -> requests.Response:
            data = content if isinstance(content, bytes) else dump_json(content).encode()
            return requests.post(url + path, data=data, headers=said, timeout=30)

        answer = post(SIGN_URL, body, headers(SIGN_URL))
        assert answer.status_code == 200
        assert leaks(answer.text), "the cards are about the patient"
        refused = [post(SIGN_URL, body, headers(SIGN_URL, **changes)) for changes in FORGED]
        refused += [post(SIGN_URL, body, headers(SIGN_URL, {name: MARK})) for name in ("kid", "jku", "alg", "typ")]
        assert {each.status_code for each in refused} == {401}
        told |= {f"refused {place}": f"{each.text} {each.headers}" for place, each in enumerate(refused)}
        for name, (method, path, content) in bad_requests(body).items():
            if method == "POST":
                told[name] = (bad := post(path, content, headers(path))).text + str(bad.headers)
                assert bad.status_code >= 400, name
        kept = post(FEEDBACK_URL, feedback(answer.json()["cards"][0]["uuid"]), headers(FEEDBACK_URL))
        assert kept.status_code == 200
        told["feedback"] = f"{kept.text} {kept.headers}"
        time.sleep(1)
    assert {name: leaks(text) for name, text in told.items() if leaks(text)} == {}
    logs = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.log"))
    assert '"client":"st-anna"' in logs
    assert '"refused":"key"' in logs
    assert (leaks(logs), "eyJ" in logs) == ([], False)
    stored = b"".join(file.read_bytes() for file in tmp_path.glob("s.sqlite3*"))
    assert b"LA.PHAR.312" in stored
    assert leaks(stored.decode("latin-1")) == []
