"""What we offer: one service for order-select, one for order-sign, with their prefetch templates.

Distinct ids, because public clients key services by URL (conformance B-16). Templates use only what every version from
1.0 to 3.0 understands: root-level context tokens and the common search subset (E-02 to E-12). `{{context.userId}}` is
already `Type/id`, so it stands alone as a read and whole as a reference parameter (E-06). May not know HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ORDER_SELECT = "order-select"
ORDER_SIGN = "order-sign"

QUESTIONNAIRE = "/Questionnaire/blinatumomab-order-questions"
"""Path of the order questions below the setting `canonical_base`."""

_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"
_BODY_CODES: Mapping[str, tuple[str, ...]] = {
    _LOINC: (
        *("29463-7", "3141-9", "8350-1", "8351-9"),  # body weight: in general, measured, with and without clothes
        *("8302-2", "3137-7", "8308-9", "8306-3"),  # body height: in general, measured, standing, lying
        *("3142-7", "75292-3", "8341-0", "8344-4", "3138-5"),  # stated, usual, dry: shown, never dosed on
        *("8277-6", "3140-1"),  # body surface area
        *("8339-4", "56056-5", "76516-4"),  # at birth: weight, weight reported, gestational age
        "82810-3",  # pregnancy status
    ),
    _SNOMED: ("27113001", "301898006"),  # body weight, body surface area
}
_BODY = ",".join(f"{system}|{code}" for system, codes in _BODY_CODES.items() for code in codes)
_PATIENT = "patient={{context.patientId}}"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category|"

_SHARED: Mapping[str, str] = {
    "patient": "Patient/{{context.patientId}}",
    "practitioner": "{{context.userId}}",
    "practitionerRoles": "PractitionerRole?practitioner={{context.userId}}&_count=20",
    "conditions": f"Condition?{_PATIENT}&_count=250",
    # By code, not by category: on a ward the newest hundred vital signs are all pulse and pressure.
    "vitals": f"Observation?{_PATIENT}&code={_BODY}&_sort=-date&_count=100",
    # By category: MRD and CD19 are recognised by the words of the code, which no code query finds.
    "laboratory": f"Observation?{_PATIENT}&category={_CATEGORY}laboratory&_sort=-date&_count=500",
    "medicationRequests": f"MedicationRequest?{_PATIENT}&_sort=-authoredon&_count=250",
    "medicationStatements": f"MedicationStatement?{_PATIENT}&_sort=-effective&_count=100",
    "medicationAdministrations": f"MedicationAdministration?{_PATIENT}&_sort=-effective-time&_count=250",
    "allergies": f"AllergyIntolerance?{_PATIENT}&_count=100",
    "coverage": f"Coverage?{_PATIENT}&status=active&_count=20",
}
_AT_SIGNING: Mapping[str, str] = {
    "reports": f"DiagnosticReport?{_PATIENT}&_sort=-date&_count=100",
    "immunizations": f"Immunization?{_PATIENT}&_sort=-date&_count=100",
    # R4 AdverseEvent has no `patient` search parameter.
    "adverseEvents": "AdverseEvent?subject=Patient/{{context.patientId}}&_sort=-date&_count=50",
}

_ESSENTIAL = (
    "The patient is mandatory; whatever else is not supplied is reported as unknown, never assumed. Judging the dose "
    "needs vitals too; judging coverage needs practitioner, conditions, laboratory, coverage and orderQuestions. "
    "FHIR R4. {further} Works from prefetch alone; what is missing is read from fhirServer where the site allows it."
)


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the discovery document. `prefetch` keeps the order in which it was written (B-20)."""

    id: str
    hook: str
    title: str
    description: str
    usage_requirements: str
    prefetch: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The discovery entry, members in the standard's order."""
        return {
            "hook": self.hook,
            "title": self.title,
            "description": self.description,
            "id": self.id,
            "prefetch": dict(self.prefetch),
            "usageRequirements": self.usage_requirements,
        }


def services(canonical_base: str) -> tuple[Service, ...]:
    """Both services; `canonical_base` (a setting) is where our questionnaire's canonical URL begins."""
    return (_order_select(canonical_base), _order_sign(canonical_base))


def service_for(hook: str, offered: tuple[Service, ...]) -> Service | None:
    """The service that answers a hook; None when we offer none."""
    return next((service for service in offered if service.hook == hook), None)


def discovery(offered: tuple[Service, ...]) -> dict[str, Any]:
    """The body of `GET /cds-services`."""
    return {"services": [service.as_json() for service in offered]}


def _order_select(canonical_base: str) -> Service:
    return Service(
        id="blinatumomab-order-select",
        hook=ORDER_SELECT,
        title="Blinatumomab: early look at coverage and dose",
        description=(
            "While blinatumomab is being chosen: outlook for the payer's criteria, what is still missing, and the dose "
            "row of the label that would apply. Speaks only to the selected orders; a dose not yet entered is normal."
        ),
        usage_requirements=_ESSENTIAL.format(further="Only selected orders for blinatumomab are addressed."),
        prefetch={**_SHARED, "orderQuestions": _order_questions(canonical_base)},
    )


def _order_sign(canonical_base: str) -> Service:
    return Service(
        id="blinatumomab-order-sign",
        hook=ORDER_SIGN,
        title="Blinatumomab: coverage, dose, premedication, monitoring and safety",
        description=(
            "When an order for blinatumomab is about to be signed: the payer's criteria with their evidence, the "
            "ordered dose against the label, premedication, hospital days and CRS/ICANS monitoring, and what bears on "
            "safety, each cited."
        ),
        usage_requirements=_ESSENTIAL.format(further="Every draft order for blinatumomab is addressed, one by one."),
        prefetch={**_SHARED, **_AT_SIGNING, "orderQuestions": _order_questions(canonical_base)},
    )


def _order_questions(canonical_base: str) -> str:
    canonical = canonical_base.rstrip("/") + QUESTIONNAIRE
    return f"QuestionnaireResponse?{_PATIENT}&questionnaire={canonical}&_sort=-authored&_count=20"
