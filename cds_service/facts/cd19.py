"""CD19 on the leukaemic cells: from results that name it with blasts, from phenotype text, and the order question.

Lymphocyte subset counts are not this. "CD19 negative", "loss of CD19", "dim", "subset", "anti-CD19" and "CD19 CAR-T"
are never positive. A specimen older than the latest relapse or than CD19-directed therapy no longer tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from cds_service.facts import answers as results
from cds_service.facts import specimens
from cds_service.facts.agreement import Told, agreed
from cds_service.facts.disease import Timeline
from cds_service.facts.disease_words import CD19
from cds_service.facts.model import Fact
from cds_service.facts.questions import Answers
from cds_service.facts.record import Observed, Record
from cds_service.facts.reports import EVIDENCE_ONLY, report_mentions
from cds_service.fhir import reader

POSITIVE, PARTIAL, NEGATIVE = "positive", "partial-or-dim", "negative"
_ON_BLASTS = re.compile(r"blast|leuk|expression|antigen|phenotyp|surface|tumou?r|malignant|neoplas")
_NOT_EXPRESSION = re.compile(
    r"anti[- ]?cd19|cd19[- ]?(?:directed|targeted|specific|car\b|car-?t)|car-?t|chimeric|subset"
)
_THERAPY = re.compile(r"anti[- ]?cd ?19|cd ?19[- ]?(?:directed|targeted|specific|car\b(?:-?t)?)[\w -]*")
_CLAUSE = re.compile(r"[.;\n]|\bbut\b|\bwhile\b|\bwhereas\b")
_LOST = re.compile(r"\b(?:lost|loss|lack\w*)\b")
_PARTIAL = re.compile(r"\b(?:dim|dimly|partial\w*|weak\w*|subset|hetero\w*|variabl\w*|low)\b")
_KINDS = {"negative": NEGATIVE, "partial": PARTIAL, "positive": POSITIVE}
_AFTER = (
    (
        NEGATIVE,
        re.compile(r"\W{0,2}\s*+(?:is |was |expression |on \w+ |: ?)*+(?:neg|absent|lost|loss|not |undetect|lack)"),
    ),
    (NEGATIVE, re.compile(r"\s*(?:\(\s*[-–−]\s*\)|[-–−](?!\s*\w))")),
    (
        PARTIAL,
        re.compile(
            r"\W{0,2}\s*+(?:is |was |expression |: ?)*+(?:\+|pos\w*)?\W*+(?:dim|partial|subset|weak|hetero|vari|low)"
        ),
    ),
    (POSITIVE, re.compile(r"\s*(?:\(\s*\+{1,3}\s*\)|\+)")),
    (POSITIVE, re.compile(r"\W{0,2}\s*(?:is |was |expression |: ?)*(?:pos|bright|strong|express|present|detected)")),
)
_MANY = 20
"""More mentions than that in one clause are no report that could be read."""
_BEFORE = re.compile(
    r"(?P<negative>negative|neg\b|loss|lost|lack\w*|absen\w*|without|\bno\b|not\b)|"
    r"(?P<partial>dim\b|dimly|partial\w*|weak\w*|subset|hetero\w*|variabl\w*|low\b)|"
    r"(?P<positive>positive|pos\b|express\w*|bright)"
)


def read_cd19(record: Record, answers: Answers, timeline: Timeline, therapy_days: tuple[date, ...]) -> Fact[str]:
    """positive, partial-or-dim or negative on blasts; None where not known or the specimen is too old to tell.

    `therapy_days`: days of CD19-directed therapy before this course.
    """
    limits = [day for day in (timeline.relapse, *therapy_days) if day is not None]
    latest = max(limits) if limits else None
    told = [*_answered(answers, latest)]
    told += [_placed(record, observed, latest) for observed in _expressions(record)]
    told += [Told(None, shown, EVIDENCE_ONLY) for shown in report_mentions(record, CD19, "CD19")]
    fact = agreed(told, topic="CD19 results")
    earlier = answers.fact("prior-cd19-therapy").value
    if fact.value == POSITIVE and not therapy_days and earlier in ("blinatumomab", "car-t", "other"):
        return fact._replace(
            stale=True, problem="CD19-directed therapy was given, and not told whether before or after"
        )
    return fact


def _answered(answers: Answers, latest: date | None) -> Iterator[Told[str]]:
    dated = answers.fact("cd19-date").value
    for found in answers.told("cd19-blasts"):
        if found.value == "not-tested":
            yield Told(None, found.evidence, "not tested")
        elif found.value and latest and dated and dated.latest < latest:
            yield Told(None, found.evidence, _too_old(latest))
        else:
            yield found


def _expressions(record: Record) -> Iterator[Observed]:
    """Results on blasts, and the components of a phenotype that name CD19."""
    for observed in record.disease_results:
        about = _is_about_blasts(observed)
        parts = record.components(observed) if "component" in observed.resource else ()
        named = [
            part
            for part in parts
            if _names_blasts(part.said) or (about and CD19.search(part.said) and not _NOT_EXPRESSION.search(part.said))
        ]
        yield from named
        if about and not (named and not any(name.startswith("value") for name in observed.resource)):
            yield observed


def _is_about_blasts(observed: Observed) -> bool:
    if "cd19.lymphocyte-subset" in observed.concepts:
        return False
    if "immunophenotype" in observed.concepts:
        return True
    return _names_blasts(observed.said)


@lru_cache(maxsize=2048)
def _names_blasts(said: str) -> bool:
    return bool(CD19.search(said) and _ON_BLASTS.search(said) and not _NOT_EXPRESSION.search(said))


def _placed(record: Record, observed: Observed, latest: date | None) -> Told[str]:
    text = reader.text(observed.resource, "valueString")
    value = _result(record, observed, text)
    evidence = observed.evidence("CD19 on blasts", record.chart.quote(text, 120) or value or "no clear result")
    if not observed.final:
        return Told(None, evidence, "not a final result")
    taken = reader.day(specimens.collected(record, observed))
    if value and latest and (taken is None or taken < latest):
        return Told(None, evidence, _too_old(latest))
    return Told(value, evidence, None if value else "the result does not tell CD19 on blasts")


def _too_old(latest: date) -> str:
    return f"the specimen is older than the relapse or CD19-directed therapy of {latest.isoformat()}"


def _result(record: Record, observed: Observed, text: str | None) -> str | None:
    if text and CD19.search(text.lower()):
        return cd19_in_words(text)
    if "immunophenotype" in observed.concepts and not CD19.search(observed.said):
        return None
    said = f"{text or ''}; {reader.words(observed.resource.get('valueCodeableConcept'))}".lower()
    if _PARTIAL.search(said):
        return PARTIAL
    value = results.qualitative(observed.resource, record.value_sets)
    if value is None and text and _LOST.search(text.lower()):
        return NEGATIVE
    return value if value in (POSITIVE, NEGATIVE) else None


def cd19_in_words(text: str) -> str | None:
    """What a free text says of CD19. None where it says nothing clear; mixed statements are partial-or-dim or None."""
    said = _THERAPY.sub(" ", text.lower())
    found = {verdict for clause in _CLAUSE.split(said) for verdict in _clause(clause)}
    if len(found) == 1:
        return found.pop()
    return PARTIAL if found == {POSITIVE, PARTIAL} else None


def _clause(clause: str) -> Iterator[str | None]:
    """One verdict for each mention: what follows it at once, else the last polarity before it."""
    mentions = list(CD19.finditer(clause))
    if len(mentions) > _MANY:
        yield None
        return
    for mention in mentions:
        rest = re.split(r",|\band\b", clause[mention.end() :])[0]
        following = next((verdict for verdict, word in _AFTER if word.match(rest)), None)
        before = list(_BEFORE.finditer(clause[: mention.start()]))
        leading = _KINDS[before[-1].lastgroup or ""] if before else None
        if following == POSITIVE:
            near = _BEFORE.search(clause[: mention.start()].rpartition(",")[2])
            doubted = near is not None and near.lastgroup != "positive"
            yield None if doubted else PARTIAL if _PARTIAL.search(rest) else POSITIVE
        else:
            yield following or leading
