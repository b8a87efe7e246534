"""`GET /policies/<id>/<review>`: what each paragraph of a policy edition asks for, in our own words. Cards link here.

The payer's text is the payer's; these pages say how it is read, what is not computed and what is contested. They are
made at start-up from the knowledge files, hold nothing of a patient, and are open to anyone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from flask import Blueprint, Response, redirect
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response as AnyResponse

from cds_service.knowledge.policy import Contested, Paragraph, Policy
from cds_service.web.headers import page_policy
from cds_service.web.page_templates import page_templates

PARTS: Mapping[str, str] = {
    "I": "Initial request",
    "II": "Continued therapy",
    "III": "Uses that are not covered by sections I and II",
}
"""First part of a paragraph's id -> its heading; the others stand under "Also in the document"."""
OTHERS = "Also in the document"


class Shown(NamedTuple):
    """A paragraph as the page shows it."""

    paragraph: Paragraph
    depth: int
    """How far down it stands, for the indent."""
    contested: Contested | None


def routes(policies: Sequence[Policy], payers: Mapping[str, str], frame_ancestors: Sequence[str]) -> Blueprint:
    """A page for each edition, and `/policies/<id>` for the newest. `payers` maps payer ids to names."""
    blueprint = Blueprint("policies", __name__)
    template = page_templates().get_template("policy.html")
    newest = {policy.id: policy.version.isoformat() for policy in sorted(policies, key=lambda each: each.version)}
    made = {
        (policy.id, policy.version.isoformat()): template.render(
            root="../../",
            policy=policy,
            title=f"{policy.id}, review of {policy.version}",
            payer=payers.get(policy.payer, policy.payer),
            parts=_parts(policy),
            others=[each.version.isoformat() for each in policies if each.id == policy.id and each is not policy],
        )
        for policy in policies
    }

    @blueprint.get("/policies/<policy_id>")
    def show_newest(policy_id: str) -> AnyResponse:
        if policy_id not in newest:
            raise NotFound
        return redirect(f"{policy_id}/{newest[policy_id]}")  # relative: a proxy may put a path before ours

    @blueprint.get("/policies/<policy_id>/<version>")
    def show_edition(policy_id: str, version: str) -> Response:
        if (policy_id, version) not in made:
            raise NotFound
        response = Response(made[policy_id, version], content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = page_policy(frame_ancestors)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    return blueprint


def _parts(policy: Policy) -> list[tuple[str, list[Shown]]]:
    """(heading, its paragraphs), in the document's order."""
    found: dict[str, list[Shown]] = {heading: [] for heading in (*PARTS.values(), OTHERS)}
    contested = {name: item for item in policy.contested for name in (item.criterion, item.limb)}
    for paragraph in policy.paragraph:
        heading = PARTS.get(paragraph.id.partition(".")[0], OTHERS)
        found[heading].append(Shown(paragraph, _depth(paragraph.id), contested.get(paragraph.id)))
    return [(heading, shown) for heading, shown in found.items() if shown]


def _depth(paragraph_id: str) -> int:
    return max(0, paragraph_id.count(".") - 2)
