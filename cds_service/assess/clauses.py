"""The paragraphs of one policy edition judged for one case, each rule once. Pure.

Editions of a policy, and the readings of a contested clause, share nearly all of their rules: what was judged for one
of them stands for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cds_service.assess.criteria import judge_condition
from cds_service.assess.findings import Finding, Status, all_of, any_of
from cds_service.assess.judged import Judged
from cds_service.assess.request_criteria import answer
from cds_service.knowledge.policy import Asks, Paragraph

_MET, _NOT_MET, _UNKNOWN = Status.MET, Status.NOT_MET, Status.UNKNOWN
_RELEVANCE = {_NOT_MET: Status.NOT_APPLICABLE, _UNKNOWN: _UNKNOWN}

Done = dict[str, Finding]
"""What was judged for a case, by its rule or the text of its condition."""


@dataclass(frozen=True, slots=True)
class Text:
    """The computed paragraphs of an edition (or of one reading of it), ready to be judged for a case."""

    paragraphs: Mapping[str, Paragraph]
    rules: Mapping[str, str]
    """What each of them asks for; parts before wholes."""
    judged: Judged
    section_id: str | None
    """The section the request goes by; None while that is unknown, and then both are judged."""
    done: Done = field(default_factory=dict)

    def evaluate(self) -> dict[str, Finding]:
        """The finding of every paragraph, in the document's order; the other section's are not applicable."""
        found: dict[str, Finding] = {}
        done, elsewhere, section = self.done, self._elsewhere(), f"{self.section_id}." if self.section_id else ""
        for name, rule in self.rules.items():
            finding = done.get(rule) if name.startswith(section) else elsewhere
            if finding is None:
                finding = done[rule] = self._judge(self.paragraphs[name], found)
            found[name] = finding
        return {name: found[name] for name in self.paragraphs}

    def _elsewhere(self) -> Finding:
        """What is found of every paragraph of another section."""
        return Finding(Status.NOT_APPLICABLE, f"the request goes by section {self.section_id}")

    def _judge(self, paragraph: Paragraph, found: Mapping[str, Finding]) -> Finding:
        if paragraph.only_if:
            asked = answer(self.judged, {"of": paragraph.only_if})
            if asked.status is not _MET:
                return asked._replace(status=_RELEVANCE[asked.status])
        own = [self.conditions(paragraph.asks)] if paragraph.asks else []
        if paragraph.any_of:
            own.append(_one_of({name: found[name] for name in paragraph.any_of}))
        own += [found[name] for name in paragraph.all_of]
        return own[0] if len(own) == 1 else all_of(own)

    def conditions(self, asks: Asks) -> Finding:
        """All of these conditions."""
        done, found = self.done, []
        for rule, condition in asks:
            known = done.get(rule)
            if known is None:
                known = done[rule] = judge_condition(self.judged, condition)
            found.append(known)
        return found[0] if len(found) == 1 else all_of(found)


def _one_of(found: Mapping[str, Finding]) -> Finding:
    """One of these paragraphs; the reason names the ones that decide."""
    joined = any_of(found.values())
    if joined.status is _NOT_MET:
        return joined._replace(reason=_why_none(found))
    return joined._replace(
        reason="; ".join(
            finding.reason if finding.reason.startswith(name) else f"{name}: {finding.reason}"
            for name, finding in found.items()
            if finding.status is joined.status
        )
    )


def _why_none(found: Mapping[str, Finding]) -> str:
    """What rules every one of them out, where that is one thing; else the first thing that rules out each."""
    reasons = {name: finding.reason.split("; ") for name, finding in found.items() if finding.status is _NOT_MET}
    common = [reason for reason in next(iter(reasons.values())) if all(reason in each for each in reasons.values())]
    if common:
        return "; ".join(common)
    return "; ".join(each[0] if each[0].startswith(name) else f"{name}: {each[0]}" for name, each in reasons.items())
