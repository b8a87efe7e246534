"""What an order refers to is asked for wherever its version of FHIR keeps the reference, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.fhir.look_alikes import as_r4
from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import reference_needs
from cds_service.hooks.services import service_for, services
from cds_service.settings import Settings
from tests.hook_builders import draft, order_sign

Resource = dict[str, Any]
SERVER = "https://ehr.example.org/fhir"
MEDICATION, ROLE = {"reference": "Medication/m1"}, {"reference": "PractitionerRole/r1"}
RESULT, DIAGNOSIS = {"reference": "Observation/o1"}, {"reference": "Condition/c1"}
OLD = {"resourceType": "MedicationOrder", "id": "rx-1", "patient": {"reference": "Patient/pat-1"}}


def undrugged(**members: Any) -> Resource:
    found = draft(**members)
    del found["medicationCodeableConcept"]
    return found


def needed(*drafts: Resource, **members: Any) -> list[str]:
    call = {**order_sign(*drafts), **members}
    service = service_for(call["hook"], services(Settings().canonical_base))
    assert service is not None
    found = HookCall.parse(call, service=service)
    return [need.key for need in reference_needs(found.drafts, found)]


POSITIONS: list[tuple[Resource, list[str]]] = [
    (undrugged(medicationReference=MEDICATION), ["Medication/m1"]),
    (undrugged(medication={"reference": MEDICATION}), ["Medication/m1"]),  # R5
    (draft(requester=ROLE), ["PractitionerRole/r1"]),
    (draft(requester={"agent": ROLE}), ["PractitionerRole/r1"]),  # STU3
    (draft(requester=[ROLE]), ["PractitionerRole/r1"]),
    (draft(reasonReference=[DIAGNOSIS]), ["Condition/c1"]),
    (draft(reasonReference=DIAGNOSIS), ["Condition/c1"]),
    (draft(reason=[{"reference": DIAGNOSIS}, {"concept": {"text": "B-ALL"}}]), ["Condition/c1"]),  # R5
    ({**OLD, "medicationReference": MEDICATION, "prescriber": ROLE}, ["Medication/m1", "PractitionerRole/r1"]),  # DSTU2
    ({**OLD, "reasonReference": DIAGNOSIS}, ["Condition/c1"]),
    (
        draft(supportingInformation=[RESULT, {"reference": "DiagnosticReport/d1"}]),
        ["Observation/o1", "DiagnosticReport/d1"],
    ),
    (draft(supportingInformation=[{"reference": f"{SERVER}/Observation/o1"}]), ["Observation/o1"]),
    (draft(supportingInformation=[{"reference": "Observation/o1/_history/3"}]), ["Observation/o1"]),
]


@pytest.mark.parametrize(("placed", "keys"), POSITIONS)
def test_a_reference_is_asked_for_in_every_version_of_fhir(placed: Resource, keys: list[str]) -> None:
    assert needed(placed, fhirServer=SERVER) == keys


@pytest.mark.parametrize("placed", [placed for placed, _ in POSITIONS])
def test_what_is_asked_for_is_what_the_order_refers_to_once_it_is_read_as_r4(placed: Resource) -> None:
    assert needed(placed, fhirServer=SERVER) == needed(dict(as_r4(placed)[0]), fhirServer=SERVER)


@pytest.mark.parametrize(
    "reference",
    [
        "#m1",
        "urn:uuid:5d5d0001-0000-4000-8000-000000000001",
        "https://elsewhere.example.org/fhir/Observation/o1",
        f"{SERVER}x/Observation/o1",
        f"{SERVER}/../Observation/o1",
        "Observation/o1?patient=x",
        "Binary/b1",
        "Observation/",
        7,
        None,
    ],
)
def test_a_reference_that_is_not_to_be_read_is_left_alone(reference: Any) -> None:
    assert needed(draft(supportingInformation=[{"reference": reference}]), fhirServer=SERVER) == []


def test_a_reference_of_another_server_is_not_read_where_no_server_is_named() -> None:
    assert needed(draft(supportingInformation=[{"reference": f"{SERVER}/Observation/o1"}])) == []


def test_what_is_in_the_call_is_not_asked_for() -> None:
    placed = draft(supportingInformation=[{"reference": f"{SERVER}/Observation/o1"}])
    beside = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/pat-1"}}
    assert needed(placed, beside, fhirServer=SERVER) == []
