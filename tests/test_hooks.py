"""Services, calls and feedback as the standard has them (conformance sections B, C, E, O and 3)."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from cds_service.errors import CallError
from cds_service.hooks.call import HookCall
from cds_service.hooks.feedback import parse_feedback
from cds_service.hooks.prefetch import State, classify
from cds_service.hooks.services import Service, service_for, services
from cds_service.knowledge.valuesets import load_value_sets
from fhir_fixtures import hook_calls
from tests.hook_builders import MISSING, PATIENT, bundle, changed, draft, order_select, order_sign, sandbox_select

SERVICES = services("https://site.example.org/fhir/")
SELECT, SIGN = SERVICES
FIXTURES = hook_calls()
CONTRACT_KEYS = [
    "patient",
    "practitioner",
    "practitionerRoles",
    "conditions",
    "vitals",
    "laboratory",
    "reports",
    "medicationRequests",
    "medicationStatements",
    "medicationAdministrations",
    "allergies",
    "immunizations",
    "adverseEvents",
    "coverage",
    "orderQuestions",
]


def parse(call: Any) -> HookCall:
    service = service_for(call.get("hook", "order-sign"), SERVICES)
    assert service is not None
    return HookCall.parse(call, service=service)


# --- services ----------------------------------------------------------------------------------------------------


def test_each_hook_has_its_own_service() -> None:
    assert [(service.hook, service.id) for service in SERVICES] == [
        ("order-select", "blinatumomab-order-select"),
        ("order-sign", "blinatumomab-order-sign"),
    ]


def test_order_sign_asks_for_every_key_of_the_input_contract() -> None:
    assert sorted(SIGN.prefetch) == sorted(CONTRACT_KEYS)


def test_order_select_asks_for_fewer_and_for_the_same_thing_under_the_same_key() -> None:
    assert SELECT.prefetch.items() < SIGN.prefetch.items()
    assert {"patient", "conditions", "vitals", "laboratory", "coverage", "orderQuestions"} <= set(SELECT.prefetch)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.id)
def test_every_search_is_bounded_and_about_this_patient_or_this_user(service: Service) -> None:
    for template in service.prefetch.values():
        if "?" in template:
            assert "_count=" in template or "status=active" in template
            assert "{{context.patientId}}" in template or "{{context.userId}}" in template


def test_the_codes_asked_for_are_those_that_are_read_each_with_its_system() -> None:
    sets = load_value_sets(files("cds_service.knowledge") / "valuesets").sets
    concepts = ("weight", "weight-unsuitable", "height", "height-unsuitable", "bsa", "birth-weight")
    read = [code for concept in (*concepts, "gestational-age-at-birth") for code in sets[f"measure.{concept}"]]
    read += [code for code in sets["status.pregnancy"] if code.code == "82810-3"]
    asked = SIGN.prefetch["vitals"].split("code=")[1].split("&")[0].split(",")
    assert sorted(asked) == sorted(f"{code.system}|{code.code}" for code in read)


def test_the_order_questions_are_asked_for_by_the_canonical_of_the_site() -> None:
    assert "questionnaire=https://site.example.org/fhir/Questionnaire/" in SIGN.prefetch["orderQuestions"]


# --- calls -------------------------------------------------------------------------------------------------------


def test_a_good_call_is_read_whole() -> None:
    sent = order_sign(fhirServer="https://ehr.example.org/fhir/")
    call = parse(changed(sent, "context.draftOrders.entry.0.fullUrl", "urn:uuid:1"))
    assert (call.hook, call.service_id, call.patient_id, call.user_id) == (
        "order-sign",
        "blinatumomab-order-sign",
        PATIENT,
        "Practitioner/doc-1",
    )
    assert call.drafts == (draft(),)
    assert call.draft_urls == ("urn:uuid:1",)
    assert call.prefetch == {"patient": {"resourceType": "Patient", "id": PATIENT}}
    assert call.fhir_server == "https://ehr.example.org/fhir/"
    assert not call.has_token


ORDER = "context.draftOrders.entry.0.resource"
REFERENCE = f"{ORDER}.subject.reference"
TOLERATED = [
    ("no prefetch", "prefetch", MISSING),
    ("prefetch null", "prefetch", None),
    ("no userId", "context.userId", MISSING),
    ("userId null", "context.userId", None),
    ("encounterId null", "context.encounterId", None),
    ("fhirServer null", "fhirServer", None),
    ("fhirServer by http", "fhirServer", "http://ehr.example.org/fhir"),
    ("fhirAuthorization null", "fhirAuthorization", None),
    ("an odd hookInstance", "hookInstance", "1234"),
    ("extension as an array", "extension", [{"url": "x"}]),
    ("an unknown member", "user", "Practitioner/1"),
    ("an unknown context member", "context.services", []),
    ("selections on order-sign", "context.selections", "not even an array"),
    ("patientId with its type", "context.patientId", f"Patient/{PATIENT}"),
    ("Bundle without type", "context.draftOrders.type", MISSING),
    ("Bundle of an odd type", "context.draftOrders.type", "transaction"),
    ("Bundle without resourceType", "context.draftOrders.resourceType", MISSING),
    ("an id with odd characters", f"{ORDER}.id", "draft\u2011rx\u20111"),
    ("a draft without id", f"{ORDER}.id", MISSING),
    ("a draft with id null", f"{ORDER}.id", None),
    ("a status other than draft", f"{ORDER}.status", "active"),
    (
        "an absolute reference",
        REFERENCE,
        f"http://e.org/Patient/{PATIENT}",
    ),
    (
        "a versioned reference",
        REFERENCE,
        f"Patient/{PATIENT}/_history/2",
    ),
    ("a reference to a Bundle entry", REFERENCE, "urn:uuid:7"),
    ("a reference without type", REFERENCE, PATIENT),
    ("a subject by identifier", f"{ORDER}.subject", {"identifier": {"value": "7"}}),
    ("no subject", f"{ORDER}.subject", MISSING),
    ("category as a lone object", f"{ORDER}.category", {"text": "outpatient"}),
]


@pytest.mark.parametrize(("path", "value"), [row[1:] for row in TOLERATED], ids=[row[0] for row in TOLERATED])
def test_a_sloppy_call_is_still_read(path: str, value: object) -> None:
    call = parse(changed(order_sign(), path, value))
    assert call.patient_id == PATIENT
    assert call.in_scope == (0,)


def test_entries_without_a_resource_are_passed_over_and_unknown_types_kept() -> None:
    orders = {"resourceType": "Bundle", "entry": [None, {}, {"resource": None}, {"resource": {"resourceType": "Foo"}}]}
    assert parse(changed(order_sign(), "context.draftOrders", orders)).drafts == ({"resourceType": "Foo"},)


@pytest.mark.parametrize(
    "orders", [{}, {"resourceType": "Bundle"}, bundle(), {"resourceType": "Bundle", "entry": None}]
)
def test_a_bundle_without_orders_is_a_call_about_nothing(orders: dict[str, Any]) -> None:
    assert parse(changed(order_sign(), "context.draftOrders", orders)).in_scope == ()


def test_the_drugless_order_of_the_sandbox_is_read() -> None:
    call = parse(sandbox_select())
    assert call.in_scope == (0,)
    assert call.drafts[0]["category"]["coding"][0]["code"] == "outpatient"


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [({"access_token": "t"}, True), ({"access_token": ""}, False), ({"access_token": None}, False), ({}, False)],
)
def test_an_empty_token_is_no_token(authorization: dict[str, Any], expected: bool) -> None:
    assert parse(order_sign(fhirAuthorization=authorization)).has_token is expected


@pytest.mark.parametrize("sent", FIXTURES.values(), ids=FIXTURES)
def test_every_fixture_call_is_read_and_answers_every_template(sent: dict[str, Any]) -> None:
    call = parse(sent)
    states = classify((SELECT if call.hook == "order-select" else SIGN).prefetch, call.prefetch)
    assert call.in_scope
    assert set(states.values()) <= {State.COMPLETE, State.EMPTY}


# --- scope -------------------------------------------------------------------------------------------------------

TWO = (draft("rx-1"), draft("rx-2"))


@pytest.mark.parametrize(
    ("selections", "expected"),
    [
        (["MedicationRequest/rx-1"], (0,)),
        (["MedicationRequest/rx-2"], (1,)),
        (["rx-2"], (1,)),
        (["https://ehr.example.org/fhir/MedicationRequest/rx-2"], (1,)),
        (["https://ehr.example.org/fhir/MedicationRequest/rx-2/_history/3"], (1,)),
        (["MedicationRequest/rx-2", "MedicationRequest/rx-1"], (0, 1)),
        (["MedicationRequest/rx-1", "MedicationRequest/gone"], (0,)),
        (["ServiceRequest/rx-1"], ()),
        (["MedicationRequest/rx"], ()),
        (["MedicationRequest/rx-11"], ()),
    ],
)
def test_order_select_speaks_to_what_is_selected(selections: list[str], expected: tuple[int, ...]) -> None:
    assert parse(order_select(*TWO, selections=selections)).in_scope == expected


def test_a_draft_without_id_is_selected_by_its_full_url() -> None:
    call = order_select(draft(None), selections=["urn:uuid:9"])
    assert parse(call).in_scope == ()
    call["context"]["draftOrders"]["entry"][0]["fullUrl"] = "urn:uuid:9"
    assert parse(call).in_scope == (0,)


def test_order_sign_speaks_to_every_draft() -> None:
    assert parse(order_sign(*TWO)).in_scope == (0, 1)


# --- broken calls ------------------------------------------------------------------------------------------------

OTHER = {"reference": "Patient/pat-2"}
SIGN_ERRORS = [
    ("hook", MISSING, "hook"),
    ("hook", 7, "hook"),
    ("hook", "patient-view", "hook"),
    ("hook", "order-select", "hook"),
    ("hookInstance", MISSING, "hookInstance"),
    ("hookInstance", None, "hookInstance"),
    ("hookInstance", 7, "hookInstance"),
    ("hookInstance", " ", "hookInstance"),
    ("context", MISSING, "context"),
    ("context", None, "context"),
    ("context", [], "context"),
    ("context.patientId", MISSING, "context.patientId"),
    ("context.patientId", None, "context.patientId"),
    ("context.patientId", 7, "context.patientId"),
    ("context.patientId", "", "context.patientId"),
    ("context.userId", 7, "context.userId"),
    ("context.draftOrders", MISSING, "context.draftOrders"),
    ("context.draftOrders", None, "context.draftOrders"),
    ("context.draftOrders", [draft()], "context.draftOrders"),
    ("context.draftOrders", draft(), "context.draftOrders.resourceType"),
    ("context.draftOrders.entry", {"resource": draft()}, "context.draftOrders.entry"),
    ("context.draftOrders.entry", "x", "context.draftOrders.entry"),
    ("context.draftOrders.entry", [{}] * 501, "context.draftOrders.entry"),
    ("context.draftOrders.entry.0", "x", "context.draftOrders.entry[0]"),
    ("context.draftOrders.entry.0.resource", "{}", "context.draftOrders.entry[0].resource"),
    ("context.draftOrders.entry.0.resource", {"id": "1"}, "context.draftOrders.entry[0].resource.resourceType"),
    ("context.draftOrders.entry.0.resource.id", 7, "context.draftOrders.entry[0].resource.id"),
    ("context.draftOrders.entry.0.resource.subject", OTHER, "context.draftOrders.entry[0].resource.subject"),
    ("context.draftOrders.entry.0.resource.patient", OTHER, "context.draftOrders.entry[0].resource.patient"),
    ("prefetch", [], "prefetch"),
    ("prefetch", "x", "prefetch"),
    ("fhirServer", 7, "fhirServer"),
    ("fhirAuthorization", "token", "fhirAuthorization"),
    ("fhirAuthorization", {"access_token": 7}, "fhirAuthorization.access_token"),
]


@pytest.mark.parametrize(("path", "value", "field"), SIGN_ERRORS)
def test_a_broken_call_is_refused_by_name_and_with_a_mend(path: str, value: object, field: str) -> None:
    with pytest.raises(CallError) as caught:
        HookCall.parse(changed(order_sign(), path, value), service=SIGN)
    assert caught.value.status == 400
    assert caught.value.field == field
    assert caught.value.mend


@pytest.mark.parametrize("selections", [MISSING, None, [], "MedicationRequest/rx-1", [7], [""], ["x"] * 501])
def test_order_select_needs_selections(selections: object) -> None:
    with pytest.raises(CallError) as caught:
        parse(changed(order_select(), "context.selections", selections))
    assert caught.value.field.startswith("context.selections")
    assert "MedicationRequest/103" in caught.value.mend


@pytest.mark.parametrize("body", [None, [], "x", 7, True, {}])
def test_a_body_that_is_no_call_is_refused(body: object) -> None:
    with pytest.raises(CallError):
        HookCall.parse(body, service=SIGN)


def test_one_order_for_another_patient_refuses_the_whole_call() -> None:
    with pytest.raises(CallError, match="another patient") as caught:
        parse(order_sign(draft("rx-1"), draft("rx-2", subject={"reference": "http://e.org/Patient/pat-2/_history/1"})))
    assert caught.value.field == "context.draftOrders.entry[1].resource.subject"


@pytest.mark.parametrize("subject", ["pat-2", "Group/1", f"Group/{PATIENT}", [{"reference": "Patient/pat-2"}]])
def test_an_order_about_someone_else_is_refused_however_that_is_written(subject: object) -> None:
    written = subject if isinstance(subject, list) else {"reference": subject}
    with pytest.raises(CallError, match="another patient"):
        parse(order_sign(draft("rx-1", subject=written)))


@pytest.mark.parametrize(
    "subject", [PATIENT, f"Patient/{PATIENT}", "#patient", "urn:uuid:5", "", [{"reference": PATIENT}, "x", None]]
)
def test_a_reference_that_proves_nothing_refuses_nothing(subject: object) -> None:
    written = subject if isinstance(subject, list) else {"reference": subject}
    assert parse(order_sign(draft("rx-1", subject=written))).in_scope == (0,)


def test_no_message_quotes_a_value_of_the_call() -> None:
    for path, value in [
        ("hookInstance", {"x": "Jane Roe"}),
        ("context.patientId", ["Jane Roe"]),
        ("context.draftOrders.entry.0.resource.resourceType", "Jane Roe"),
        ("context.draftOrders.entry.0.resource.subject.reference", "Patient/Jane-Roe"),
        ("prefetch", "Jane Roe"),
    ]:
        with pytest.raises(CallError) as caught:
            parse(changed(order_sign(), path, value))
        assert "Jane" not in f"{caught.value.message}{caught.value.mend}{caught.value.field}"


# --- feedback ----------------------------------------------------------------------------------------------------

ACCEPTED = {
    "card": "c1",
    "outcome": "accepted",
    "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}],
    "outcomeTimestamp": "2025-10-01T10:05:31.5Z",
}
OVERRIDDEN = {
    "card": "c2",
    "outcome": "overridden",
    "overrideReason": {"reason": {"code": "r", "system": "https://e.org/reasons"}, "userComment": "words"},
    "outcomeTimestamp": "2025-10-01T12:05:31+02:00",
}


def test_feedback_on_several_cards_is_read_whole() -> None:
    first, second, again = parse_feedback({"feedback": [ACCEPTED, OVERRIDDEN, ACCEPTED]})
    assert (first.card, first.accepted, first.suggestions, first.reason) == ("c1", True, ("s1", "s2"), None)
    assert (second.card, second.accepted, second.comment) == ("c2", False, "words")
    assert second.reason == ("https://e.org/reasons", "r")
    assert second.at.utcoffset() is not None
    assert again == first


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("overrideReason", MISSING),
        ("overrideReason", None),
        ("overrideReason", {}),
        ("overrideReason.reason", MISSING),
        ("overrideReason.userComment", MISSING),
        ("acceptedSuggestions", None),
        ("extension", {"org.example": 1}),
        ("outcomeTimestamp", "2021-12-11t10:05:31z"),
    ],
)
def test_feedback_may_leave_out_what_is_optional(path: str, value: object) -> None:
    assert parse_feedback({"feedback": [changed(OVERRIDDEN, path, value)]})[0].card == "c2"


@pytest.mark.parametrize(
    ("entry", "path", "value", "field"),
    [
        (ACCEPTED, "card", MISSING, "card"),
        (ACCEPTED, "card", "", "card"),
        (ACCEPTED, "outcome", "ignored", "outcome"),
        (ACCEPTED, "outcome", MISSING, "outcome"),
        (ACCEPTED, "acceptedSuggestions", MISSING, "acceptedSuggestions"),
        (ACCEPTED, "acceptedSuggestions", [], "acceptedSuggestions"),
        (ACCEPTED, "acceptedSuggestions", None, "acceptedSuggestions"),
        (ACCEPTED, "acceptedSuggestions", ["s1"], "acceptedSuggestions[0]"),
        (ACCEPTED, "acceptedSuggestions", [{}], "acceptedSuggestions[0].id"),
        (ACCEPTED, "outcomeTimestamp", MISSING, "outcomeTimestamp"),
        (ACCEPTED, "outcomeTimestamp", "2025-10-01T10:05:31Z UTC", "outcomeTimestamp"),
        (ACCEPTED, "outcomeTimestamp", "2025-10-01T10:05:31", "outcomeTimestamp"),
        (ACCEPTED, "outcomeTimestamp", "2025-10-01", "outcomeTimestamp"),
        (ACCEPTED, "outcomeTimestamp", "2025-02-30T10:05:31Z", "outcomeTimestamp"),
        (ACCEPTED, "outcomeTimestamp", 1759313131, "outcomeTimestamp"),
        (OVERRIDDEN, "overrideReason", "no", "overrideReason"),
        (OVERRIDDEN, "overrideReason.reason.system", MISSING, "overrideReason.reason.system"),
        (OVERRIDDEN, "overrideReason.reason.code", MISSING, "overrideReason.reason.code"),
        (OVERRIDDEN, "overrideReason.reason", "r", "overrideReason.reason"),
        (OVERRIDDEN, "overrideReason.userComment", 7, "overrideReason.userComment"),
    ],
)
def test_malformed_feedback_is_refused_by_name_and_with_a_mend(
    entry: dict[str, Any], path: str, value: object, field: str
) -> None:
    with pytest.raises(CallError) as caught:
        parse_feedback({"feedback": [OVERRIDDEN, changed(entry, path, value)]})
    assert caught.value.field == f"feedback[1].{field}"
    assert caught.value.mend


@pytest.mark.parametrize("body", [{}, [], None, ACCEPTED, {"feedback": ACCEPTED}, {"feedback": []}, {"feedback": None}])
def test_feedback_comes_as_an_array_named_feedback(body: object) -> None:
    with pytest.raises(CallError) as caught:
        parse_feedback(body)
    assert "feedback" in caught.value.mend
