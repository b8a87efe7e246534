"""The CDS Hooks rules that any service's discovery and answers are held to, as data. Pure.

The numbers are ours (`docs/cds-hooks-rules.md` lists them); the words say what the standard demands (2.0.1; where 1.0
or 3.0 differ, what a client of each still accepts). A breach of a `must` rule loses or spoils guidance at a conforming
client; a `should` rule is advice, or something that most clients survive. Which object breaks which rule is told by
`hooks.rule_check`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: our number, the standard's level in its own word, and what it demands."""

    id: str
    level: str
    """SHALL, SHOULD …; `derived` where it follows from the standard without standing in it."""
    must: bool
    """A breach fails the answer; otherwise it is a remark."""
    words: str


@dataclass(frozen=True, slots=True)
class Breach:
    """One place that breaks a rule. `what` quotes no value: it could be about a patient."""

    rule: Rule
    where: str
    what: str

    @property
    def text(self) -> str:
        """For people: `H-02 cards[0].summary has 163 characters (summary: …)`."""
        place = f"{self.where} " if self.where else ""
        return f"{self.rule.id} {place}{self.what} [{self.rule.words}]"


_ROWS: tuple[tuple[str, str, bool, str], ...] = (
    # --- JSON and HTTP ------------------------------------------------------------------------------------
    ("A-01", "SHALL", True, "every body is one JSON document in UTF-8, each key once, no NaN"),
    ("A-02", "SHALL", False, "HTTPS everywhere; plain HTTP for tests only"),
    ("A-06", "SHALL NOT", False, "no member is null"),
    ("A-07", "SHALL NOT", False, 'no member is "", [] or {}, except cards and services'),
    ("G-09", "derived", False, "the content type is application/json"),
    # --- discovery ----------------------------------------------------------------------------------------
    ("B-02", "SHALL", True, "discovery is an object with an array `services`"),
    ("B-03", "SHALL", True, "GET …/cds-services answers 200"),
    ("B-06", "SHALL", True, "each service names its hook"),
    ("B-07", "SHOULD", False, "each service has a title"),
    ("B-08", "SHALL", True, "each service has a description"),
    ("B-09", "SHALL", True, "each service has an id, and answers at …/cds-services/{id}"),
    ("B-10", "derived", False, "the id of a service is safe in a URL"),
    ("B-11", "MAY", True, "prefetch is an object of strings"),
    ("B-18", "derived", False, "no member outside the standard, except extension"),
    ("E-03", "SHALL", False, "prefetch tokens of 2.0.1 are {{context.field}} and the four user ids; paths need 3.0"),
    # --- the envelope -------------------------------------------------------------------------------------
    ("G-01", "SHALL", True, "success is status 200 and an object with an array `cards`"),
    ("G-06", "SHOULD", False, "an answer that is not 2xx carries an OperationOutcome (3.0)"),
    ("G-07", "derived", False, "only cards, systemActions and extension stand at the root"),
    ("N-01", "MAY", True, "systemActions is an array of actions"),
    ("N-02", "SHALL", False, "a system action has a description (optional in 3.0)"),
    ("P-01", "SHALL", True, "extension is an object"),
    ("R-01", "SHOULD", False, "an answer comes within about 500 ms"),
    # --- cards --------------------------------------------------------------------------------------------
    ("H-00", "SHALL", True, "every card is an object"),
    ("H-01", "MAY", True, "card.uuid is a string that is unique to the card"),
    ("H-02", "SHALL", True, "card.summary is there: plain text, one line, fewer than 140 characters"),
    ("H-04", "SHALL", True, "card.detail is markdown text"),
    ("H-05", "derived", False, "card.detail has no raw HTML: some clients render it unsanitised"),
    ("H-07", "SHALL", True, "card.indicator is info, warning or critical"),
    ("H-08", "SHALL", True, "card.source is there, an object"),
    ("H-09", "MAY", True, "suggestions, links and overrideReasons are arrays of objects"),
    ("H-10", "SHALL", True, "selectionBehavior is there whenever suggestions are"),
    ("H-11", "SHALL", True, "selectionBehavior is at-most-one or any (1.0 knows only the first)"),
    ("H-12", "derived", False, "a card has no member outside the standard, except extension"),
    ("I-01", "SHALL", True, "source.label is there, a short text"),
    ("I-03", "SHALL", True, "source.url is an absolute URL"),
    ("I-05", "SHALL", True, "source.icon is an absolute URL"),
    ("I-07", "SHALL", True, "source.topic is a coding with code and system"),
    # --- suggestions and actions --------------------------------------------------------------------------
    ("J-01", "SHALL", True, "suggestion.label is there, a text"),
    ("J-02", "MAY", True, "suggestion.uuid is a string, unique; feedback needs it and card.uuid"),
    ("J-03", "MAY", True, "suggestion.isRecommended is true or false"),
    ("J-04", "derived", True, "under at-most-one at most one suggestion is recommended"),
    ("J-05", "MAY", True, "suggestion.actions is an array of objects"),
    ("J-08", "SHALL NOT", False, "no actionSelectionBehavior unless this client is known to support it (3.0)"),
    ("K-01", "SHALL", True, "action.type is create, update or delete"),
    ("K-02", "SHALL", True, "action.description is there, a text"),
    ("K-03", "SHALL", True, "create carries a whole new FHIR resource, as an object"),
    ("K-04", "SHALL", True, "update carries the whole changed FHIR resource with its id, as an object"),
    ("K-05", "derived", True, "update keeps every member of the draft and its status; only its narrative may go"),
    ("K-06", "derived", True, "update and delete name an order of context.draftOrders"),
    ("K-07", "SHOULD", True, "delete names a resource: resourceId `Type/id` (before 2.0: the id in resource)"),
    ("K-08", "SHOULD NOT", False, "delete gives resourceId, not the id in resource (deprecated since 2.0)"),
    ("K-10", "derived", True, "a suggested resource is about the patient of the call"),
    # --- override reasons and links -----------------------------------------------------------------------
    ("L-02", "SHALL", True, "an override reason has code, system and display"),
    ("M-01", "SHALL", True, "a link has label, url and type"),
    ("M-02", "SHALL", True, "link.type is absolute or smart"),
    ("M-03", "derived", True, "link.url is an absolute URL"),
    ("M-05", "SHALL NOT", True, "appContext stands on smart links only"),
    ("M-07", "MAY", True, "link.autolaunchable is true or false"),
)
RULES: Mapping[str, Rule] = {row[0]: Rule(*row) for row in _ROWS}


def breach(rule: str, where: str, what: str) -> Breach:
    """A breach of the rule with this number."""
    return Breach(RULES[rule], where, what)
