"""Everything that is read from files, read once: knowledge and the words of the cards. No Flask, no clock."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from cards.template import TemplateError, Templates, load_templates
from cds_service.assess import monitoring, offer_orders, offer_stay, premedication, safety
from cds_service.assess.corrections import CONDITIONS, TOPICS
from cds_service.assess.criteria import PARAMETERS
from cds_service.errors import KnowledgeError
from cds_service.form_links import FormLinks, link_key
from cds_service.knowledge.holding import hold_back
from cds_service.knowledge.label import Discrepancy
from cds_service.knowledge.library import Knowledge, load_knowledge
from cds_service.present.suggestions import Maker, load_maker
from cds_service.settings import Settings


@dataclass(frozen=True)
class Parts:
    """What guidance is made from, besides the call and the day."""

    settings: Settings
    knowledge: Knowledge
    templates: Templates
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False, compare=False)
    """Of this installation, for a site that sets no `site_secret`; a random one lasts as long as the process."""

    def with_secret(self, secret: bytes) -> Parts:
        """The same parts with the secret that the installation keeps."""
        found = replace(self, secret=secret)
        found.maker  # noqa: B018 - made here, as by `load_parts`
        return found

    @cached_property
    def form_links(self) -> FormLinks:
        """How links to the form of order questions are made and judged."""
        own = self.settings.site_secret
        key = link_key(own.get_secret_value().encode() if own else self.secret)
        return FormLinks(self.settings.form_url or "", self.settings.form_link_days, key)

    @cached_property
    def maker(self) -> Maker:
        """What writes suggestions: its words and codes are read once; `load_parts` sees to it at start-up."""
        return load_maker(self.knowledge.value_sets, self.settings.mrd_codes)


GUIDANCE = frozenset(
    {*safety.TOPICS, *monitoring.TOPICS, *premedication.TOPICS, *offer_orders.TOPICS, *offer_stay.TOPICS}
)
"""The topics of the label that judgement relies on: one missing stops start-up."""


def load_parts(settings: Settings) -> Parts:
    """Read and check every knowledge file, value set and template.

    Raises KnowledgeError naming file and place, and SettingsError for an edition that cannot be held back.
    """
    knowledge = load_knowledge(kinds=PARAMETERS, guidance_codes=GUIDANCE)
    _check_judges(knowledge)
    knowledge = _addressed(hold_back(knowledge, settings.policy_editions_held_back), settings.public_url)
    parts = Parts(settings, knowledge, _templates())
    parts.maker  # noqa: B018 - made here, so that a mistake stops start-up and no call reads a file
    return parts


def _addressed(knowledge: Knowledge, public_url: str) -> Knowledge:
    """A policy without a public address of its own is linked to our page on it, where browsers reach this service."""
    if not public_url:
        return knowledge
    base = public_url.rstrip("/")
    policies = tuple(
        replace(policy, url=policy.url or f"{base}/policies/{policy.id}/{policy.version.isoformat()}")
        for policy in knowledge.policies
    )
    return replace(knowledge, policies=policies)


def _check_judges(knowledge: Knowledge) -> None:
    """Raises KnowledgeError for a topic or a correction that no code of ours understands."""
    for label in knowledge.labels:
        _check_corrections(label.id, label.discrepancies)
        for topic in label.guidance:
            if topic.applies == "patient" and topic.code not in safety.JUDGES:
                raise KnowledgeError(label.id, topic.code, "no judge knows this topic of the patient's")
    for policy in knowledge.policies:
        _check_corrections(policy.document, policy.discrepancies)


def _check_corrections(source: str, discrepancies: Iterable[Discrepancy]) -> None:
    for one in discrepancies:
        if (one.topic and one.topic not in TOPICS) or not set(one.when) <= set(CONDITIONS):
            raise KnowledgeError(source, f"discrepancies[{one.item}]", "unknown topic or condition")


def _templates() -> Templates:
    try:
        return load_templates()
    except TemplateError as mistake:
        place = f"line {mistake.line}" if mistake.line else ""
        raise KnowledgeError(mistake.file, place, mistake.message) from mistake
