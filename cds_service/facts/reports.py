"""Report texts that mention a finding: shown as evidence, never used as a result."""

from __future__ import annotations

import re

from cds_service.facts.model import Evidence
from cds_service.facts.record import Record, printed
from cds_service.fhir import reader

EVIDENCE_ONLY = "it is told in the text of a report only"


def report_mentions(record: Record, pattern: re.Pattern[str], what: str) -> tuple[Evidence, ...]:
    """Final reports whose conclusion mentions the pattern (lower case), with the sentence quoted."""
    found = []
    for entry in record.chart.of("DiagnosticReport"):
        said = reader.text(entry.resource, "conclusion") or ""
        sentence = next((part for part in re.split(r"(?<=[.;\n])\s+", said) if pattern.search(part.lower())), None)
        if sentence and reader.text(entry.resource, "status") in ("final", "amended", "corrected"):
            written = reader.when(entry.resource, "effectiveDateTime", "effectivePeriod", "issued")
            quoted = record.chart.quote(sentence, 120)
            found.append(Evidence(entry.reference, f"{what}, report text", quoted, printed(written)))
    return tuple(found)
