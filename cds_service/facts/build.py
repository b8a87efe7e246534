"""Chart and draft orders → one Case per draft order for blinatumomab that the hook speaks to.

The only place that calls every fact reader. After it, nobody sees FHIR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from cds_service.errors import TooLargeError
from cds_service.facts import biomarkers, disease, labs, newborn, patient, therapies
from cds_service.facts.allergies import read_allergies
from cds_service.facts.cd19 import read_cd19
from cds_service.facts.coverage import read_payer
from cds_service.facts.disease import Timeline
from cds_service.facts.dosage import read_dosage
from cds_service.facts.measures import read_body
from cds_service.facts.model import Case, ConcomitantDrug, Course, Fact, PatientFacts, Requested, Unreadable
from cds_service.facts.mrd import read_mrd
from cds_service.facts.orders import read_order
from cds_service.facts.people import read_prescriber
from cds_service.facts.problems import read_problems
from cds_service.facts.questions import Answers, read_answers
from cds_service.facts.record import Record
from cds_service.facts.requests import read_requests
from cds_service.facts.steroids import read_steroids
from cds_service.facts.therapies import Given
from cds_service.facts.untold import untold_drugs, untold_orders
from cds_service.facts.vaccines import read_vaccines
from cds_service.fhir import models, reader
from cds_service.fhir.chart import Chart, Entry
from cds_service.fhir.reader import Json
from cds_service.order_questions import OrderQuestions
from cds_service.settings import Settings
from cds_service.terminology import ValueSets

_ASKED = tuple(
    (item.name, item.name.replace("_", "-"))
    for item in fields(Course)
    if item.name not in ("disease_status", "regimen_partners")
)
"""Fields of the course, each with the order question that it holds the answer to."""


@dataclass(frozen=True)
class _Call:
    """What all orders of one call share."""

    record: Record
    medications: tuple[Given, ...]
    user_id: str | None
    as_of: date | None
    payers: Mapping[str, tuple[str, ...]]
    drafts: Sequence[Json]
    requests: tuple[Requested, ...]


def read_cases(
    chart: Chart,
    drafts: Sequence[Json],
    in_scope: Sequence[int],
    *,
    user_id: str | None,
    as_of: date | None,
    today: date,
    value_sets: ValueSets,
    settings: Settings,
    payers: Mapping[str, tuple[str, ...]],
    questions: OrderQuestions,
) -> tuple[Case, ...]:
    """One case per in-scope draft order for blinatumomab, in the order of the drafts.

    `in_scope` are indexes into `drafts`; `as_of` overrides the order's own date; `payers` maps payer ids to names;
    `questions` are the order questions whose answers are read. Raises TooLargeError for more orders than are judged.
    """
    record = Record(chart, value_sets, settings, today, questions)
    medications = therapies.read_medications(record)
    call = _Call(record, medications, user_id, as_of, payers, drafts, read_requests(record))
    wanted = frozenset(index for index in in_scope if 0 <= index < len(drafts))
    ours = [
        given
        for given in call.medications
        if given.entry.draft in wanted
        and given.entry.type == "MedicationRequest"
        and given.drug.ours
        and given.entry.resource.get("doNotPerform") is not True
    ]
    _check_number(len(ours), settings.max_judged_orders)
    return tuple(_case(call, given) for given in ours)


def read_untold(
    chart: Chart,
    in_scope: Sequence[int],
    *,
    today: date,
    value_sets: ValueSets,
    settings: Settings,
    questions: OrderQuestions,
) -> tuple[Unreadable, ...]:
    """The in-scope draft orders that may be for our drug or for any other, and why. `in_scope` as for `read_cases`."""
    record = Record(chart, value_sets, settings, today, questions)
    return untold_orders(record, therapies.read_medications(record), in_scope)


def _check_number(ours: int, most: int) -> None:
    """Each order is judged beside all others: that cannot go on for ever. Raises TooLargeError."""
    if ours > most:
        raise TooLargeError(
            f"there are more than {most} orders for the drug",
            field="context.draftOrders.entry",
            mend="Send the orders of one session of ordering.",
        )


def _case(call: _Call, given: Given) -> Case:
    record, order = call.record, given.entry.resource
    answers, dosage = read_answers(record, order), read_dosage(record.chart, order)
    as_of = call.as_of or reader.day(reader.text(order, "authoredOn")) or record.call_day
    start = dosage.start or as_of
    diagnosis = disease.read_diagnosis_date(record, answers)
    timeline = disease.read_timeline(record, answers, start, diagnosis)
    status = disease.read_status(record, answers, timeline)
    partners = therapies.read_concomitant(record, call.medications)
    course = _course(answers, status, partners)
    facts = PatientFacts(
        reference=patient.patient_reference(record),
        diagnosis_date=diagnosis,
        payer=read_payer(record, as_of, call.payers),
        prescriber=read_prescriber(record, order, call.user_id),
        problems=read_problems(record, call.medications, _cycle_start(course, start)),
        concomitant=partners,
        **_disease(call, order, answers, timeline, status=status.value),
        **_body(call, start),
        **_safety(call, answers, start),
    )
    notes = (
        *_notes(record, given.entry, answers),
        *_unreadable(facts),
        *untold_drugs(record, call.medications),
    )
    sent = call.drafts[given.entry.draft] if given.entry.draft is not None else None
    ordered = read_order(record, given, dosage, call.medications, sent=sent)
    return Case(facts, course, ordered, as_of, notes, answers.settled, call.requests)


def _disease(call: _Call, order: Json, answers: Answers, timeline: Timeline, *, status: str | None) -> dict[str, Any]:
    """Facts of the disease, by the names of their fields."""
    record = call.record
    therapy = therapies.therapy_days(call.medications, timeline.start, timeline.first_dose)
    return {
        "lineage": disease.read_lineage(record, answers, order),
        "bcr_abl1": biomarkers.read_bcr_abl1(record, answers, timeline, status),
        "bcr_abl1_like": biomarkers.read_bcr_abl1_like(record, answers),
        "kmt2a": biomarkers.read_kmt2a(record, answers),
        "cd19": read_cd19(record, answers, timeline, therapy),
        "prior_cd19_therapy": answers.fact("prior-cd19-therapy"),
        "mrd": read_mrd(record, answers, timeline),
    }


def _body(call: _Call, start: date) -> dict[str, Any]:
    """Facts of the person, by the names of their fields."""
    record, birth = call.record, patient.read_birth_date(call.record)
    body = read_body(record, birth.value, start, latest=_latest(call, start))
    return {
        "birth_date": birth,
        "sex": patient.read_sex(record),
        "weight": body.weight,
        "height": body.height,
        "charted_bsa": body.bsa,
        "body_warnings": body.warnings,
        "birth_weight_g": newborn.read_birth_weight(record),
        "gestational_age_days": newborn.read_gestational_age(record),
    }


def _safety(call: _Call, answers: Answers, start: date) -> dict[str, Any]:
    """Facts that bear on safety, by the names of their fields."""
    record, latest = call.record, _latest(call, start)
    return {
        "childbearing_potential": answers.fact("childbearing-potential"),
        "pregnancy": labs.read_pregnancy(record, start, latest=latest),
        "allergies": read_allergies(record),
        "allergies_asked": "allergies" in record.chart.answered,
        "labs": labs.read_labs(record, start, latest=latest),
        "vaccines": read_vaccines(record),
        "steroid_orders": read_steroids(record, call.medications),
        "earlier_blinatumomab": therapies.read_earlier_blinatumomab(record, call.medications, answers, start),
    }


def _latest(call: _Call, start: date) -> date:
    """Results dated later than this are mistakes: after the call, the date asked about and the planned start."""
    return max(start, call.record.call_day, call.as_of or start)


def _course(answers: Answers, status: Fact[str], partners: Sequence[ConcomitantDrug]) -> Course:
    """Every order question that anybody answered, by the name of its field."""
    given: dict[str, Any] = {name: answers.fact(link_id) for name, link_id in _ASKED if link_id in answers.answered}
    given["regimen"] = _beside_a_tki(answers.fact("regimen"), partners)
    return Course(disease_status=status, regimen_partners=answers.texts("regimen-partners"), **given)


def _beside_a_tki(regimen: Fact[str], partners: Sequence[ConcomitantDrug]) -> Fact[str]:
    """A TKI on the list beside a stated single agent is a conflict; it does not decide the regimen."""
    inhibitors = [drug.evidence for drug in partners if drug.kind == "tki"]
    if regimen.value != "single-agent" or not inhibitors:
        return regimen
    problem = "stated as single agent, and a TKI is on the medication list"
    return regimen._replace(evidence=(*regimen.evidence, *inhibitors), problem=problem, conflict=True)


def _cycle_start(course: Course, start: date) -> date | None:
    """The first day of this cycle; None while the day is not answered."""
    return start - timedelta(days=course.day.value - 1) if course.day.value is not None else None


def _unreadable(facts: PatientFacts) -> tuple[Unreadable, ...]:
    """Results that would have settled a fact, and say nothing that we can read."""
    measured: tuple[Fact[Any], ...] = (facts.weight, facts.height, facts.charted_bsa, facts.mrd)
    found = [Unreadable(fact.unreadable, fact.problem or "cannot be read") for fact in measured if fact.unreadable]
    for lab in facts.labs:
        if lab.value is None and lab.name not in labs.IN_WORDS:
            found.append(Unreadable(lab.evidence.reference, f"the newest {lab.evidence.what} has no readable value"))
    return tuple(found)


def _notes(record: Record, entry: Entry, answers: Answers) -> tuple[Unreadable, ...]:
    """What could not be read: of the record, of this order, and answers that are not in the call."""
    notes = [Unreadable(note.reference, note.why) for note in record.chart.unread]
    notes += [
        Unreadable(entry.reference, f"{problem} (read as far as possible)")
        for problem in models.validate_order(entry.resource)
    ]
    notes += [
        Unreadable(reference, "the order refers to it and it is not in the call") for reference in answers.unresolved
    ]
    if record.settings.strict_fhir:
        for kind in record.chart.entries:
            for other in record.chart.of(kind):
                notes += [Unreadable(other.reference, problem) for problem in models.validate(other.resource)]
    return tuple(dict.fromkeys(notes))
