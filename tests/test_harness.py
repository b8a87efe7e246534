"""`try` and `fixtures` over real HTTP: every broken rule is told by its number, and good services come out clean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import parse

import pytest
import requests
from click.testing import CliRunner, Result

from cds_service.__main__ import main
from cds_service.app import create_app, running
from cds_service.commands.expected_cards import SIGNS, missing_signs
from cds_service.harness import AddressError, Client, service_address, transaction
from cds_service.hooks.rule_check import answer_breaches
from cds_service.hooks.rules import RULES
from cds_service.parts import Parts
from cds_service.settings import Settings
from fhir_fixtures import expectations, hook_calls, patients
from fhir_fixtures.server import FixtureServer
from tests.hook_builders import MISSING, PATIENT, bundle, changed, draft, order_select, order_sign
from tests.little_service import Little, little_service

CHILD = "child-30kg-flat-28-mcg-mrd-positive"
SERVICE: dict[str, Any] = {"hook": "order-sign", "title": "T", "description": "D", "id": "the-service"}
UUID = "9368d37b-283f-44a0-93ea-547cebab93ed"
OTHER_UUID = "1368d37b-283f-44a0-93ea-547cebab93ee"
CARD: dict[str, Any] = {
    "uuid": UUID,
    "summary": "Blinatumomab 28 mcg/day is above the label dose",
    "detail": "See <https://example.org>. \\<not html>",
    "indicator": "critical",
    "source": {
        "label": "Label",
        "url": "https://example.org/label",
        "icon": "https://example.org/icon.png",
        "topic": {"code": "dose", "system": "https://example.org/topics", "display": "Dose"},
    },
    "suggestions": [
        {
            "label": "Change",
            "uuid": UUID,
            "isRecommended": True,
            "actions": [
                {"type": "update", "description": "Change", "resource": draft()},
                {"type": "create", "description": "Add", "resource": draft(None)},
                {"type": "delete", "description": "Remove", "resourceId": "MedicationRequest/rx-1"},
            ],
        },
        {"label": "Remind me", "uuid": OTHER_UUID},
    ],
    "selectionBehavior": "at-most-one",
    "overrideReasons": [{"code": "a", "system": "https://example.org/r", "display": "A"}],
    "links": [
        {"label": "Label", "url": "https://example.org/label", "type": "absolute"},
        {"label": "App", "url": "https://example.org/launch", "type": "smart", "appContext": "{}"},
    ],
    "extension": {"org.example.x": {"y": 1}},
}
ANSWER: dict[str, Any] = {"cards": [CARD]}
ACTIONS = "cards.0.suggestions.0.actions"


@pytest.fixture(scope="module")
def shared() -> Iterator[Little]:
    with little_service(discovery={"services": [SERVICE]}, answer=ANSWER) as little:
        yield little


@pytest.fixture
def service(shared: Little) -> Little:
    """The little service, as good as on its first day."""
    fresh = Little(url=shared.url, discovery={"services": [SERVICE]}, answer=ANSWER)
    shared.__dict__.update(fresh.__dict__)
    return shared


@pytest.fixture(scope="module")
def ours(parts: Parts) -> Iterator[str]:
    with running(create_app(Settings(), parts=parts, open_to_all=True)) as base:
        yield base


@pytest.fixture
def call(tmp_path: Path) -> str:
    """A file with one good call."""
    file = tmp_path / "call.json"
    file.write_text(json.dumps(order_sign()))
    return str(file)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"COLUMNS": "200"})


def squeezed(result: Result) -> str:
    """What was printed, without the table's folds."""
    return " ".join(result.output.replace("│", " ").split())


# --- good services -------------------------------------------------------------------------------------------


def test_our_own_service_passes_with_the_same_cards_as_this_build(ours: str) -> None:
    result = run("try", ours, "--only", "*dose-rr-*", "--compare")
    assert result.exit_code == 0, result.output
    assert "order-sign--dose-rr-missing-step-adult" in squeezed(result)
    assert "0 failed" in result.output
    assert "p50" in result.output
    assert "not visible over HTTP" in squeezed(result)


@pytest.mark.slow
def test_our_own_service_passes_every_fixture_call(ours: str) -> None:
    result = run("try", ours)
    assert result.exit_code == 0, result.output
    assert f"{len(hook_calls()) + 2} calls; 0 failed" in result.output


def test_a_good_answer_breaks_no_rule(service: Little, call: str) -> None:
    result = run("try", service.url, call, "--strict")
    assert result.exit_code == 0, result.output
    assert "1 calls; 0 failed" in result.output


@pytest.mark.parametrize("ending", ["", "/", "/cds-services", "/cds-services/", "/cds-services/the-service"])
def test_the_address_may_be_that_of_discovery_its_parent_or_one_service(
    service: Little, call: str, ending: str
) -> None:
    assert run("try", service.url + ending, call).exit_code == 0
    assert service.paths == ["/cds-services", "/cds-services/the-service"]


def test_an_address_keeps_the_path_before_discovery() -> None:
    assert service_address("https://x.example.org/a/cds-services/b") == (
        "https://x.example.org/a/cds-services",
        "b",
    )
    assert service_address("https://x.example.org/a/") == ("https://x.example.org/a/cds-services", None)


# --- broken answers ------------------------------------------------------------------------------------------

BROKEN: list[tuple[str, str, Any]] = [
    ("G-01", "cards", MISSING),
    ("G-01", "cards", {}),
    ("G-07", "card", 1),
    ("N-01", "systemActions", {"type": "create"}),
    ("N-02", "systemActions", [{"type": "delete", "resourceId": "MedicationRequest/rx-1"}]),
    ("K-01", "systemActions", [{"type": "remove", "description": "x"}]),
    ("P-01", "extension", [{"url": "x"}]),
    ("H-00", "cards.0", "a card"),
    ("H-01", "cards.0.uuid", 7),
    ("H-02", "cards.0.summary", MISSING),
    ("H-02", "cards.0.summary", "x" * 140),
    ("H-02", "cards.0.summary", "two\nlines"),
    ("H-02", "cards.0.summary", " "),
    ("H-02", "cards.0.summary", None),
    ("H-04", "cards.0.detail", ["a"]),
    ("H-05", "cards.0.detail", "<b>bold</b>"),
    ("H-07", "cards.0.indicator", MISSING),
    ("H-07", "cards.0.indicator", "hard-stop"),
    ("H-08", "cards.0.source", MISSING),
    ("H-08", "cards.0.source", "Label"),
    ("H-09", "cards.0.suggestions", {"label": "x"}),
    ("H-09", "cards.0.links", "https://example.org"),
    ("H-10", "cards.0.selectionBehavior", MISSING),
    ("H-11", "cards.0.selectionBehavior", "all"),
    ("H-12", "cards.0.priority", 1),
    ("I-01", "cards.0.source.label", MISSING),
    ("I-01", "cards.0.source.label", ""),
    ("I-03", "cards.0.source.url", "label.html"),
    ("I-05", "cards.0.source.icon", "/icon.png"),
    ("I-07", "cards.0.source.topic", "dose"),
    ("I-07", "cards.0.source.topic.system", MISSING),
    ("J-01", "cards.0.suggestions.0.label", MISSING),
    ("J-02", "cards.0.suggestions.0.uuid", 1),
    ("J-02", "cards.0.suggestions.1.uuid", UUID),
    ("J-03", "cards.0.suggestions.0.isRecommended", "yes"),
    ("J-04", "cards.0.suggestions.1.isRecommended", True),
    ("J-05", ACTIONS, {"type": "delete"}),
    ("J-08", "cards.0.suggestions.0.actionSelectionBehavior", "any"),
    ("K-01", f"{ACTIONS}.0.type", "UPDATE"),
    ("K-02", f"{ACTIONS}.0.description", MISSING),
    ("K-03", f"{ACTIONS}.1.resource", "{}"),
    ("K-03", f"{ACTIONS}.1.resource", MISSING),
    ("K-04", f"{ACTIONS}.0.resource.id", MISSING),
    ("K-05", f"{ACTIONS}.0.resource.status", "active"),
    ("K-05", f"{ACTIONS}.0.resource.intent", MISSING),
    ("K-06", f"{ACTIONS}.0.resource.id", "rx-2"),
    ("K-06", f"{ACTIONS}.2.resourceId", "MedicationRequest/rx-2"),
    ("K-07", f"{ACTIONS}.2.resourceId", "rx-1"),
    ("K-07", f"{ACTIONS}.2.resourceId", MISSING),
    ("K-08", f"{ACTIONS}.2.resource", "rx-1"),
    ("K-10", f"{ACTIONS}.1.resource.subject.reference", "Patient/pat-10"),
    ("L-02", "cards.0.overrideReasons.0.display", MISSING),
    ("M-01", "cards.0.links.0.type", MISSING),
    ("M-01", "cards.0.links.0.url", MISSING),
    ("M-02", "cards.0.links.0.type", "web"),
    ("M-03", "cards.0.links.0.url", "label.html"),
    ("M-05", "cards.0.links.0.appContext", "x"),
    ("M-07", "cards.0.links.1.autolaunchable", "yes"),
    ("A-06", "cards.0.detail", None),
    ("A-06", "cards.0.extension", {"org.example.x": None}),
    ("A-07", "cards.0.links", []),
    ("A-07", "cards.0.detail", ""),
]


@pytest.mark.parametrize(("rule", "path", "value"), BROKEN)
def test_each_broken_rule_is_told_by_its_number(service: Little, call: str, rule: str, path: str, value: Any) -> None:
    service.answer = changed(ANSWER, path, value)
    result = run("try", service.url, call)
    told = {each.rule.id for each in answer_breaches(service.answer, order_sign())}
    assert rule in told
    assert f"{rule} " in result.output
    assert result.exit_code == (1 if any(RULES[each].must for each in told) else 0)
    assert run("try", service.url, call, "--strict").exit_code == 1


def test_card_ids_have_to_differ(service: Little, call: str) -> None:
    service.answer = {"cards": [CARD, {key: CARD[key] for key in ("uuid", "summary", "indicator", "source")}]}
    assert "H-01 cards has 1 uuid that come more than once" in squeezed(run("try", service.url, call))


def test_a_summary_of_139_characters_passes(service: Little, call: str) -> None:
    service.answer = changed(ANSWER, "cards.0.summary", "µ" * 139)
    assert run("try", service.url, call).exit_code == 0


def test_any_is_a_selection_behavior_and_may_recommend_several(service: Little, call: str) -> None:
    answer = changed(ANSWER, "cards.0.selectionBehavior", "any")
    service.answer = changed(answer, "cards.0.suggestions.1.isRecommended", True)
    assert run("try", service.url, call, "--strict").exit_code == 0


def test_an_update_may_echo_what_the_caller_left_empty(service: Little, call: str) -> None:
    service.answer = changed(ANSWER, f"{ACTIONS}.0.resource.note", [None, ""])
    assert run("try", service.url, call, "--strict").exit_code == 0


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"status": 412}, "G-01 the answer is 412"),
        ({"status": 204, "answer": b""}, "G-01 the answer is 204"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}}, "G-01 the answer is 302"),
        ({"status": 500, "answer": b"<html>Traceback</html>", "content_type": "text/html"}, "G-06 1"),
        ({"answer": b"<html></html>", "content_type": "text/html"}, "A-01 it is not JSON"),
        ({"answer": b""}, "A-01 it is empty"),
        ({"answer": b'{"cards": [], "cards": []}'}, "A-01 cards is there twice"),
        ({"answer": b'{"cards": [NaN]}'}, "A-01 it is not JSON"),
        ({"answer": b'{"cards": [{"summary": "\xff"}]}'}, "A-01 it is not UTF-8"),
        ({"answer": []}, "G-01 is not an object"),
    ],
)
def test_an_answer_that_is_none_fails_and_says_why(
    service: Little, call: str, members: dict[str, Any], words: str
) -> None:
    service.__dict__.update(members)
    result = run("try", service.url, call)
    assert result.exit_code == 1
    assert words in squeezed(result).replace("SHOULD an answer that is not 2xx carries an OperationOutcome (3.0) ", "")


def test_json_under_another_content_type_is_a_remark(service: Little, call: str) -> None:
    service.content_type = "text/plain"
    result = run("try", service.url, call)
    assert result.exit_code == 0
    assert "G-09" in result.output


def test_a_service_that_does_not_answer_in_time_fails(service: Little, call: str) -> None:
    service.seconds = 0.5
    result = run("try", service.url, call, "--timeout", "0.1")
    assert result.exit_code == 1
    assert "no answer within 0.1 s" in squeezed(result)


def test_a_slow_answer_is_a_remark(service: Little, call: str) -> None:
    service.seconds = 0.55
    result = run("try", service.url, call)
    assert result.exit_code == 0
    assert "R-01" in result.output


def test_nobody_at_the_address_is_one_failed_row() -> None:
    result = run("try", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "B-03 nobody answers at this address" in squeezed(result)


@pytest.mark.parametrize(
    "address", ["cds.example.org", "ftp://cds.example.org", "http://", "https://u:p@cds.example.org"]
)
def test_an_address_that_is_not_called_is_refused(address: str, call: str) -> None:
    result = run("try", address, call)
    assert result.exit_code == 2
    assert "address" in result.output


# --- discovery -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "path", "value", "code"),
    [
        ("B-02", "services", {}, 1),
        ("B-02", "services.1", "x", 1),
        ("B-06", "services.1.hook", MISSING, 1),
        ("B-07", "services.1.title", MISSING, 0),
        ("B-08", "services.1.description", MISSING, 1),
        ("B-09", "services.1.id", MISSING, 1),
        ("B-10", "services.1.id", "a b", 0),
        ("B-11", "services.1.prefetch", ["Patient/{{context.patientId}}"], 1),
        ("B-18", "services.1.name", "old", 0),
        ("E-03", "services.1.prefetch", {"p": "Patient/{{context.draftOrders.entry}}"}, 0),
        ("A-06", "services.1.usageRequirements", None, 0),
        ("A-07", "services.1.prefetch", {}, 0),
    ],
)
def test_discovery_is_held_to_the_rules(
    service: Little, call: str, rule: str, path: str, value: Any, code: int
) -> None:
    second = {**SERVICE, "hook": "patient-view", "id": "other"}
    service.discovery = changed({"services": [SERVICE, second]}, path, value)
    result = run("try", service.url, call)
    assert f"{rule} " in result.output
    assert result.exit_code == code


def test_a_discovery_that_is_refused_is_told(service: Little, call: str) -> None:
    service.discovery_status = 401
    result = run("try", service.url, call)
    assert result.exit_code == 1
    assert "B-03 the answer is 401" in squeezed(result)


def test_several_services_for_a_hook_want_a_choice(service: Little, call: str) -> None:
    service.discovery = {"services": [SERVICE, {**SERVICE, "id": "another"}]}
    unchosen = run("try", service.url, call)
    assert unchosen.exit_code == 2
    assert "the-service, another; choose one with --service ID" in unchosen.output
    assert service.bodies == []
    assert run("try", service.url, call, "--service", "another").exit_code == 0
    assert service.paths[-1] == "/cds-services/another"


def test_a_call_that_no_service_answers_is_skipped_and_only_such_calls_fail(
    service: Little, call: str, tmp_path: Path
) -> None:
    other = tmp_path / "select.json"
    other.write_text(json.dumps(order_select()))
    both = run("try", service.url, call, str(other))
    assert both.exit_code == 0
    assert "no service for order-select" in squeezed(both)
    assert "1 skipped" in both.output
    alone = run("try", service.url, str(other))
    assert alone.exit_code == 1
    assert "no service answers any of these calls" in squeezed(alone)


# --- own calls -----------------------------------------------------------------------------------------------


def test_own_calls_are_sent_byte_by_byte(service: Little, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file, text = tmp_path / "calls.ndjson", json.dumps(order_sign())
    odd = text.replace('"hookInstance"', '  "dose": 28.0, "hookInstance"')
    file.write_text(f"{text}\n\n{odd}\n")
    result = run("try", service.url, "calls.ndjson")
    assert service.bodies == [text.encode(), odd.encode()]
    assert "calls.ndjson:3" in result.output


def test_a_file_that_cannot_be_read_is_a_failed_row_and_the_rest_goes_on(
    service: Little, call: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bundle.json").write_text('{"resourceType": "Bundle"}')
    names = [str(tmp_path / name) for name in ("missing.json", "broken.json", "list.json", "bundle.json")]
    result = run("try", service.url, *names, str(tmp_path), call)
    words = squeezed(result)
    assert result.exit_code == 1
    assert "6 calls; 5 failed" in words
    assert len(service.bodies) == 1
    for told in ("No such file", "Is a directory", "it is not JSON", "not a JSON object", "it names no hook"):
        assert told in words


def test_nothing_of_an_own_call_or_its_answer_is_printed(service: Little, tmp_path: Path) -> None:
    name = "Roe-Sensitive"
    body = order_sign(draft(subject={"reference": f"Patient/{PATIENT}", "display": name}))
    (tmp_path / "call.json").write_text(json.dumps(body))
    said = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x", "diagnostics": name}]}
    answers = [
        (400, said),
        (200, changed(changed(ANSWER, "cards.0.summary", name * 20), "cards.0.indicator", name)),
        (200, {"cards": [], name: 1}),
    ]
    for status, answer in answers:
        service.status, service.answer = status, answer
        junit = tmp_path / "out.xml"
        result = run("try", service.url, str(tmp_path / "call.json"), "--junit", str(junit), "--compare")
        assert name not in result.output + junit.read_text()


def test_the_token_goes_to_the_service_and_nowhere_else(service: Little, call: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-token\n")
    result = run("try", service.url, call, "--token-file", str(tmp_path / "token"))
    assert service.tokens == ["Bearer s3cret-token"] * 2
    assert "s3cret" not in result.output
    with pytest.raises(AddressError, match="plain HTTP"):
        Client("http://cds.example.org", token="s3cret-token")


def test_a_token_file_with_more_than_a_token_is_refused(service: Little, call: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("one\ntwo\n")
    assert run("try", service.url, call, "--token-file", str(tmp_path / "token")).exit_code == 2


# --- fixtures' expectations ----------------------------------------------------------------------------------


def test_a_silent_service_fails_what_the_fixtures_expect(service: Little) -> None:
    service.answer = {"cards": []}
    result = run("try", service.url, "--only", f"order-sign--{CHILD}")
    assert result.exit_code == 1
    for sign in ("a card", "a critical card", "a card on LA.PHAR.312", "the premedication"):
        assert f"expected and not seen: {sign}" in squeezed(result)


def test_a_service_that_speaks_to_everything_fails_where_nothing_is_in_scope(service: Little) -> None:
    service.answer = {"cards": [{key: CARD[key] for key in ("summary", "indicator", "source")}]}
    result = run("try", service.url, "--only", "another-drug")
    assert result.exit_code == 1
    assert "expected and not seen: no card: nothing is in scope" in squeezed(result)


@pytest.mark.parametrize("sign", SIGNS, ids=lambda sign: sign.says)
def test_every_sign_is_due_for_some_fixture_and_not_for_all(sign: Any) -> None:
    every = [*expectations().values(), {"assessments": 0}]
    due = [sign.due(expected, "order-sign") for expected in every]
    assert any(due)
    assert not all(due)


def test_cards_on_the_policy_are_missed_for_its_members_and_unwanted_for_others() -> None:
    def said(text: str, expected: dict[str, Any]) -> tuple[str, ...]:
        return missing_signs([{"summary": text, "indicator": "info", "source": {"label": "x"}}], expected, "order-sign")

    assert said("LA.PHAR.312: five of five met", {"applies": "yes"}) == ()
    assert said("Dose", {"applies": "yes"}) == ("a card on LA.PHAR.312",)
    assert said("LA.PHAR.312: five of five met", {"applies": "no"}) == ("no card on LA.PHAR.312: another payer",)
    assert said("Dose", {"applies": "no"}) == ()


def test_fixture_calls_carry_what_the_service_asks_for_and_no_more(service: Little) -> None:
    asked = {
        "patient": "Patient/{{context.patientId}}",
        "weight": "Observation?patient={{context.patientId}}&code=http://loinc.org|29463-7&_sort=-date&_count=1",
        "conditions": "Observation?patient={{context.patientId}}&category=laboratory",
        "who": "Practitioner/{{userPractitionerId}}",
        "odd": "Observation?nonsense={{context.patientId}}",
    }
    service.discovery = {"services": [{**SERVICE, "prefetch": asked}]}
    for _ in range(2):
        run("try", service.url, "--only", f"order-sign--{CHILD}")
    first, second = (json.loads(body) for body in service.bodies)
    prefetch = first["prefetch"]
    assert list(prefetch) == ["patient", "weight", "conditions"]
    assert prefetch["patient"]["id"] == CHILD
    assert [entry["resource"]["valueQuantity"]["value"] for entry in prefetch["weight"]["entry"]] == [30]
    assert {entry["resource"]["resourceType"] for entry in prefetch["conditions"]["entry"]} == {"Observation"}
    assert first["hookInstance"] != second["hookInstance"]


def test_a_service_without_templates_gets_no_prefetch(service: Little) -> None:
    run("try", service.url, "--only", f"order-sign--{CHILD}")
    assert "prefetch" not in json.loads(service.bodies[0])


def test_a_difference_from_this_build_is_told_by_its_place(ours: str, service: Little) -> None:
    body = hook_calls()[f"order-sign--{CHILD}"]
    discovered = requests.get(f"{ours}/cds-services", timeout=10).json()["services"]
    service.discovery = {"services": [each for each in discovered if each["hook"] == "order-sign"]}
    sent = json.dumps(body, default=float)
    headers = {"Content-Type": "application/json"}
    url = f"{ours}/cds-services/blinatumomab-order-sign"
    answer = requests.post(url, data=sent, headers=headers, timeout=10).json()
    service.answer = answer
    pattern = f"order-sign--{CHILD}"
    assert run("try", service.url, "--only", pattern, "--compare").exit_code == 0
    service.answer = changed(answer, "cards.1.indicator", "info")
    result = run("try", service.url, "--only", pattern, "--compare")
    assert result.exit_code == 1
    assert "first at cards[1].indicator" in squeezed(result)


def test_what_this_build_refuses_has_to_be_refused(ours: str, service: Little, tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    file.write_text(json.dumps(changed(order_sign(), "context.patientId", "somebody-else")))
    assert run("try", ours, str(file), "--compare").exit_code == 0
    assert run("try", ours, str(file)).exit_code == 1
    assert "this build answers 400" in squeezed(run("try", service.url, str(file), "--compare"))


def test_both_answer_412_where_even_the_patient_is_missing(ours: str, tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    file.write_text(json.dumps(changed(order_sign(), "prefetch", MISSING)))
    result = run("try", ours, str(file), "--compare")
    assert "412" in result.output
    assert result.exit_code == 0


def test_every_rule_is_in_the_docs_and_broken_by_a_test() -> None:
    page = (Path(__file__).parents[1] / "docs/cds-hooks-rules.md").read_text(encoding="utf-8")
    rows = [tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in page.splitlines() if line.startswith("|")]
    assert rows[2:] == [
        (rule.id, rule.level, "failure" if rule.must else "remark", rule.words.replace("|", "\\|"))
        for rule in RULES.values()
    ]
    tested = set(re.findall(r'"([A-Z]-\d\d)', Path(__file__).read_text(encoding="utf-8")))
    assert set(RULES) <= tested | {"A-02"}


def test_a_pattern_that_fits_nothing_is_told(service: Little) -> None:
    assert run("try", service.url, "--only", "nothing-like-it").exit_code == 2


def test_junit_has_a_case_for_every_row(service: Little, call: str, tmp_path: Path) -> None:
    other, junit = tmp_path / "sel\x01ect.json", tmp_path / "out.xml"
    other.write_text(json.dumps(order_select()))
    service.answer = changed(ANSWER, "cards.0.indicator", "hard-stop")
    run("try", service.url, call, str(other), "--junit", str(junit))
    suite = parse(junit).getroot()[0]
    assert [suite.get(name) for name in ("tests", "failures", "skipped")] == ["3", "1", "1"]
    cases = {case.get("name", "").split("/")[-1]: case for case in suite}
    assert list(cases) == ["discovery", "call.json", "sel?ect.json"]
    assert "H-07 cards[0].indicator is not info" in cases["call.json"][0].get("message", "")
    assert cases["call.json"].get("classname") == "the-service"
    assert float(cases["call.json"].get("time", "0")) > 0


def test_a_junit_file_that_cannot_be_written_is_told_after_the_table(
    service: Little, call: str, tmp_path: Path
) -> None:
    result = run("try", service.url, call, "--junit", str(tmp_path / "no" / "out.xml"))
    assert result.exit_code == 1
    assert "1 calls; 0 failed" in result.output
    assert "cannot write" in result.output


# --- fixtures ------------------------------------------------------------------------------------------------

SOME = "dose-rr-*"


def test_the_patients_are_on_the_server_under_their_own_ids_and_a_second_time_changes_nothing() -> None:
    with FixtureServer({}) as server:
        for _ in range(2):
            result = run("fixtures", "--to", server.base_url + "/", "--only", SOME)
            assert result.exit_code == 0, result.output
            names = [name for name in patients() if name.startswith("dose-rr-")]
            assert f"{len(names)} of {len(names)} patients" in squeezed(result)
            for entry in patients()[names[0]]["entry"]:
                kind, identity = entry["resource"]["resourceType"], entry["resource"]["id"]
                got = requests.get(f"{server.base_url}/{kind}/{identity}", timeout=10)
                assert got.json() == json.loads(json.dumps(entry["resource"], default=float))
            assert len(server.store.all("Patient")) == len(names)


def test_every_reference_of_a_patient_is_in_the_same_transaction() -> None:
    for name, bundle_on_file in patients().items():
        sent = {entry["request"]["url"] for entry in transaction(bundle_on_file)["entry"]}
        assert set(_references(bundle_on_file)) <= sent, name


def _references(node: Any) -> Iterator[str]:
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _references(value)
    reference = node.get("reference") if isinstance(node, dict) else None
    if isinstance(reference, str) and not reference.startswith("#"):
        yield reference


def test_a_dry_run_prints_and_sends_nothing() -> None:
    with FixtureServer({}) as server:
        told = run("fixtures", "--to", server.base_url, "--only", CHILD, "--dry-run")
        written = run("fixtures", "--to", server.base_url, "--only", CHILD, "--dry-run", "--format", "json")
        assert server.store.all("Patient") == []
    assert "Observation × 10" in squeezed(told)
    assert "nothing was sent" in told.output
    (line,) = written.output.splitlines()
    assert json.loads(line)["type"] == "transaction"
    assert json.loads(line)["entry"][0]["request"] == {"method": "PUT", "url": f"Patient/{CHILD}"}


OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "x", "diagnostics": "No, [b]."}]}


@pytest.mark.parametrize(
    ("status", "answer", "words", "stops"),
    [
        (401, b"", "401: it wants to know who is calling; give --token-file", True),
        (403, OUTCOME, "403: No, [b].", True),
        (404, b"<html>", "404: no FHIR server answers there", True),
        (422, OUTCOME, "422: No, [b].", False),
        (200, bundle(), "0 of 17 entries were answered", False),
        (200, {"entry": [{"response": {"status": "412"}}] * 17}, "17 of 17 entries were not taken", False),
        (200, b"welcome", "it is not JSON", False),
    ],
)
def test_a_server_that_does_not_take_them_is_told_in_its_own_words(
    service: Little, status: int, answer: Any, words: str, stops: bool
) -> None:
    service.status, service.answer = status, answer
    result = run("fixtures", "--to", f"{service.url}/fhir", "--only", "c[ho]*-30*")
    assert result.exit_code == 1
    assert words in squeezed(result)
    assert len(service.bodies) == (1 if stops else 3)
    assert service.paths[0] == "/fhir"


def test_it_stops_where_the_next_patient_would_fare_no_better(service: Little) -> None:
    service.status = 401
    result = run("fixtures", "--to", service.url, "--only", SOME)
    assert len(service.bodies) == 1
    assert "Stopped after the first 1" in squeezed(result)
    assert run("fixtures", "--to", "http://127.0.0.1:1", "--only", SOME).exit_code == 1


def test_the_token_for_the_server_is_sent_and_not_over_plain_http_to_others(service: Little, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret-token")
    run("fixtures", "--to", service.url, "--only", CHILD, "--token-file", str(tmp_path / "token"))
    assert service.tokens == ["Bearer s3cret-token"]
    refused = run("fixtures", "--to", "http://x.example.org", "--token-file", str(tmp_path / "token"))
    assert refused.exit_code == 2
    assert "plain HTTP" in refused.output
