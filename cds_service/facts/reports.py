"""Report texts that mention a finding: shown as evidence, never used as a result."""

from __future__ import annotations

import re

from cds_service.facts.model import Evidence
from cds_service.facts.record import Record, printed
from cds_service.fhir import reader
from cds_service.fhir.reader import Json

EVIDENCE_ONLY = "it is told in the text of a report only"


_SENTENCE = re.compile(r"(?<=[.;\n])\s+")
_FINAL = ("final", "amended", "corrected")


def report_mentions(record: Record, pattern: re.Pattern[str], what: str) -> tuple[Evidence, ...]:
    """Final reports whose conclusion mentions the pattern (lower case), with the sentence quoted; and those that are
    named by it and whose words stand in an attachment, which is not read.
    """
    found = []
    for entry in record.chart.of("DiagnosticReport"):
        if reader.text(entry.resource, "status") not in _FINAL:
            continue
        quoted = _mention(record, entry.resource, pattern)
        if quoted:
            written = reader.when(entry.resource, "effectiveDateTime", "effectivePeriod", "issued")
            found.append(Evidence(entry.reference, f"{what}, report text", quoted, printed(written)))
    return tuple(found)


def _mention(record: Record, report: Json, pattern: re.Pattern[str]) -> str | None:
    coded = [reader.words(code) for code in reader.objects(report, "conclusionCode")]
    said = "\n ".join(filter(None, (reader.text(report, "conclusion"), *coded)))
    if pattern.search(said.lower()):
        sentence = next((part for part in _SENTENCE.split(said) if pattern.search(part.lower())), said)
        return record.chart.quote(sentence, 120)
    attached = not said and "presentedForm" in report and pattern.search(reader.words(report.get("code")).lower())
    return "in an attachment, which is not read" if attached else None
