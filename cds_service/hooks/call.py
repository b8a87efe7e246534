"""A hook call as we understand it: `HookCall`, and the rules by which a body becomes one.

What is decided here, and why (conformance sections C, 3 and 8):

- `hookInstance` is required but never judged by its looks; `hook` must be the one advertised for the service id.
- `context.userId` may be missing: many clients leave it out, and we need it only to look up a specialty.
- `context.patientId` may be written `Patient/x`; it is kept bare.
- `selections` missing or empty on order-select is a broken call: we would not know what to speak to. Selections that
  match no draft are ignored; when none matches there is nothing to say (200, no cards). order-sign ignores them.
- An empty `access_token` is no token.
- A draft about another patient refuses the whole call: mixing two patients is worse than no answer.

May not know HTTP, nor read anything clinical: only ids, types and the patient of each draft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cds_service.errors import CallError
from cds_service.hooks.prefetch import State, classify
from cds_service.hooks.schemas import REQUEST, first_error
from cds_service.hooks.schemas.quick import fits
from cds_service.hooks.services import ORDER_SELECT, Service

Resource = Mapping[str, Any]

_MENDS: Mapping[str, str] = {
    "": "Send one JSON object: hook, hookInstance, context and, if you have it, prefetch.",
    "hook": "Send the hook that this service is advertised for in /cds-services.",
    "hookInstance": "Send a new UUID for each call.",
    "context": "Send the context object of the hook, with userId, patientId and draftOrders.",
    "context.patientId": "Send the bare id of the patient, as in Patient.id.",
    "context.selections": "Send the ids of the newly selected orders, such as MedicationRequest/103.",
    "context.draftOrders": "Send a FHIR Bundle of the unsigned orders; without any, a Bundle without entries.",
    "context.draftOrders.resourceType": "Send a FHIR Bundle and put each order into one of its entries.",
    "prefetch": "Send an object with the keys of our templates, or leave prefetch out.",
    "fhirServer": "Send the base URL as a string, or leave it out.",
    "fhirAuthorization": "Send the authorization object of the standard, or leave it out.",
}
_DRAFT_MEND = "Send each draft order as one FHIR JSON object with its resourceType, in entry[].resource."


@dataclass(frozen=True, slots=True)
class HookCall:
    """One call, its values as sent. Resources are the caller's own JSON, decimals lossless; never change them."""

    hook: str
    instance: str
    service_id: str
    patient_id: str
    user_id: str | None
    encounter_id: str | None
    drafts: tuple[Resource, ...]
    draft_urls: tuple[str | None, ...]
    """`fullUrl` of each draft, in the same order."""
    selections: tuple[str, ...]
    prefetch: Mapping[str, Any]
    states: Mapping[str, State]
    """What became of each of our templates."""
    fhir_server: str | None = None
    access_token: str | None = field(default=None, repr=False)
    """For this call alone; never stored, logged or shown."""
    servers: tuple[str, ...] | None = None
    """FHIR servers that this client may have read, where it has a list of its own; not part of the body."""

    @classmethod
    def parse(cls, body: object, *, service: Service) -> HookCall:
        """Read the body of a call to this service. Raises CallError naming the field and what to send instead."""
        _check_shape(body, service)
        assert isinstance(body, Mapping)  # noqa: S101 - the schema has just said so
        context = body["context"]
        entries = _entries(context["draftOrders"])
        patient_id = _last_two(context["patientId"]).removeprefix("Patient/")
        _check_patient(entries, patient_id)
        prefetch = body.get("prefetch") or {}
        return cls(
            hook=service.hook,
            instance=body["hookInstance"],
            service_id=service.id,
            patient_id=patient_id,
            user_id=context.get("userId") or None,
            encounter_id=context.get("encounterId") or None,
            drafts=tuple(entry["resource"] for entry in entries.values()),
            draft_urls=tuple(entry.get("fullUrl") or None for entry in entries.values()),
            selections=tuple(context["selections"]) if service.hook == ORDER_SELECT else (),
            prefetch=prefetch,
            states=classify(service.prefetch, prefetch),
            fhir_server=body.get("fhirServer") or None,
            access_token=_token(body.get("fhirAuthorization") or {}, patient_id),
        )

    @property
    def has_token(self) -> bool:
        """Did the caller allow us to read more? An empty token is none."""
        return bool(self.access_token)

    @property
    def in_scope(self) -> tuple[int, ...]:
        """Indexes into `drafts` that this hook speaks to: the selected ones, or all at signing."""
        if self.hook != ORDER_SELECT:
            return tuple(range(len(self.drafts)))
        selected = {_last_two(selection) for selection in self.selections} | set(self.selections)
        return tuple(index for index in range(len(self.drafts)) if self._names(index) & selected)

    def _names(self, index: int) -> set[str]:
        """Every way in which a selection may name this draft: `Type/id`, the bare id, its full URL."""
        draft, url = self.drafts[index], self.draft_urls[index]
        names = {url, _last_two(url)} if url else set()
        if draft.get("id"):
            names |= {draft["id"], f"{draft['resourceType']}/{draft['id']}"}
        return names


def _token(authorization: Mapping[str, Any], patient_id: str) -> str | None:
    """The access token, if there is one. Raises CallError when it was issued for another patient (D-09)."""
    patient = authorization.get("patient")
    if isinstance(patient, str) and patient and _last_two(patient).removeprefix("Patient/") != patient_id:
        raise CallError(
            "the access token is for another patient than context.patientId",
            field="fhirAuthorization.patient",
            mend="Send a token of this patient, or leave fhirAuthorization out.",
            code="value",
        )
    return authorization.get("access_token") or None


def _check_shape(body: object, service: Service) -> None:
    """Raises CallError for the first thing that keeps the body from being a call of this service."""
    hook = body.get("hook") if isinstance(body, Mapping) else None
    if isinstance(hook, str) and hook != service.hook:
        raise CallError(f"this service answers {service.hook} only", field="hook", mend=_MENDS["hook"], code="value")
    wrong = None if fits(REQUEST.schema, body) else first_error(REQUEST, body)
    if wrong:
        field, what = wrong
        code = "required" if what == "is missing" else "structure"
        raise CallError(f"{field or 'the body'} {what}", field=field, mend=_mend(field), code=code)


def _mend(field: str) -> str:
    """The advice of the nearest place we have words for."""
    while field not in _MENDS:
        if field.startswith("context.draftOrders.entry"):
            return _DRAFT_MEND
        field = field[: max(field.rfind("."), field.rfind("["), 0)]
    return _MENDS[field]


def _entries(bundle: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """Entries that carry a resource, by their place in the Bundle."""
    entries = bundle.get("entry") or []
    return {place: entry for place, entry in enumerate(entries) if entry and entry.get("resource")}


def _check_patient(entries: Mapping[int, Mapping[str, Any]], patient_id: str) -> None:
    """Raises CallError when a draft names another patient. An unreadable reference proves nothing and passes."""
    for place, entry in entries.items():
        for member in ("subject", "patient"):
            if _names_another(entry["resource"].get(member), patient_id):
                raise CallError(
                    "a draft order is about another patient than context.patientId",
                    field=f"context.draftOrders.entry[{place}].resource.{member}",
                    mend="Send one call per patient, with only that patient's orders.",
                    code="value",
                )


def _names_another(subject: object, patient_id: str) -> bool:
    """Does a reference (or one of several) lead to someone else? Nothing to resolve it with proves nothing."""
    references = subject if isinstance(subject, list) else [subject]
    texts = [item.get("reference") for item in references if isinstance(item, Mapping)]
    named = {_last_two(text) for text in texts if isinstance(text, str) and not text.startswith(("#", "urn:"))}
    return bool(named - {"", patient_id, f"Patient/{patient_id}"})


def _last_two(reference: str) -> str:
    """`Type/id` of a reference: base URL, version and stray blanks cut off. A bare id stays bare."""
    parts = reference.strip().partition("/_history/")[0].rstrip("/").split("/")
    return "/".join(parts[-2:])
