"""Holding editions of a policy back, as a site may: the newest ones, so that the one before is judged again.

Only the newest can be held back, and never all: what remains is then a text that was in force, and the days before it
stay without a verdict as they were. The edition that is judged instead says so on every card.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cds_service.errors import SettingsError
from cds_service.knowledge.library import Knowledge
from cds_service.knowledge.policy import Policy

SETTING = "BLINATUMOMAB_CDS_POLICY_EDITIONS_HELD_BACK"


def hold_back(knowledge: Knowledge, names: Collection[str]) -> Knowledge:
    """The knowledge without these editions, named as on the cards ('LA.PHAR.312 2025-09-05').

    Raises SettingsError that names every mistake.
    """
    wrong = _mistakes(knowledge, names)
    if wrong:
        raise SettingsError(f"{SETTING}: {'; '.join(wrong)}")
    held = tuple(policy for policy in knowledge.policies if policy.document in names)
    judged = tuple(_told(policy, held) for policy in knowledge.policies if policy not in held)
    return replace(knowledge, policies=judged, held_back=held)


def _mistakes(knowledge: Knowledge, names: Collection[str]) -> list[str]:
    on_file = {policy.document: policy for policy in knowledge.policies}
    found = [f"no edition '{name}' is on file; there are {', '.join(on_file)}" for name in names if name not in on_file]
    for name in set(names) & set(on_file):
        others = [policy for policy in knowledge.policies if _same(policy, on_file[name])]
        if all(policy.document in names for policy in others):
            found.append(f"{name} cannot be held back: no edition would be left to judge by")
        elif any(p.version > on_file[name].version and p.document not in names for p in others):
            found.append(f"{name} cannot be held back while a newer edition is judged")
    return sorted(found)


def _told(policy: Policy, held: Collection[Policy]) -> Policy:
    """The edition, with the newer ones that are held back in its banner."""
    newer = [other.version.isoformat() for other in held if _same(other, policy)]
    if not newer:
        return policy
    says = (
        f"Judged by the review of {policy.version.isoformat()}: the newer review of {' and '.join(newer)} is on file "
        "and held back by a setting of this service."
    )
    return replace(policy, banner=f"{policy.banner} {says}".strip())


def _same(one: Policy, other: Policy) -> bool:
    """Two editions of one policy?"""
    return (one.payer, one.drug, one.id) == (other.payer, other.drug, other.id)
