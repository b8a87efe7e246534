"""A payer's policy edition as data, and its loader. Knows the shape of the file, nothing of patients.

Paragraphs stand in the document's own order. Each is computed (from `conditions` and from other paragraphs by `all_of`
or `any_of`), or says in `not_computed` why it is not.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from importlib.resources.abc import Traversable
from typing import Any

from cds_service.errors import KnowledgeError
from cds_service.knowledge.label import Discrepancy
from cds_service.knowledge.tables import build, build_all, read_toml

Asks = tuple[tuple[str, dict[str, Any]], ...]
"""Conditions, each beside its text: what reads the same is judged once per case."""


def _asks(conditions: tuple[dict[str, Any], ...]) -> Asks:
    return tuple((repr(condition), condition) for condition in conditions)


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of the policy, or one limb inside a sentence of it (`limb`)."""

    id: str
    title: str
    says: str
    conditions: tuple[dict[str, Any], ...] = ()
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    only_if: str = ""
    """Name of a yes/no course answer: without it the paragraph is not applicable, unanswered it is unknown."""
    limb: bool = False
    not_computed: str = ""

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The paragraphs this one is made of."""
        return self.all_of + self.any_of

    @cached_property
    def asks(self) -> Asks:
        """Its own conditions, each beside its text."""
        return _asks(self.conditions)


def rules(paragraphs: Mapping[str, Paragraph]) -> Mapping[str, str]:
    """What each paragraph asks for, down to the last condition of its parts, as one text; parts before wholes.

    What has the same rule comes out the same, whichever edition or reading it stands in.
    """
    found: dict[str, str] = {}

    def rule(name: str) -> str:
        if name not in found:
            paragraph = paragraphs[name]
            both = [" ".join(f"{part}({rule(part)})" for part in kind) for kind in (paragraph.all_of, paragraph.any_of)]
            own = f"{paragraph.conditions!r} only-if:{paragraph.only_if}"
            found[name] = sys.intern(f"{own} all-of:{both[0]} any-of:{both[1]}")
        return found[name]

    for name in paragraphs:
        rule(name)
    return found


@dataclass(frozen=True, slots=True)
class Section:
    """Which paragraphs a request of this kind must meet, for how long it holds, and where it goes otherwise."""

    id: str
    title: str
    requires: tuple[str, ...]
    footnote: str
    months: int
    duration_paragraph: str
    route: str
    route_paragraph: str
    route_when_not_met: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """One way to read a contested clause; without conditions it is the paragraph as it stands in the file."""

    name: str
    conditions: tuple[dict[str, Any], ...] = ()

    @cached_property
    def asks(self) -> Asks:
        """Its conditions, each beside its text."""
        return _asks(self.conditions)


@dataclass(frozen=True, slots=True)
class Contested:
    """A clause whose text is in doubt: never a silent yes or no."""

    criterion: str
    limb: str
    item: str
    question: str
    why: str
    reading: tuple[Reading, ...]


@dataclass(frozen=True)
class Policy:
    """One edition of one policy."""

    id: str
    title: str
    payer: str
    drug: str
    version: date
    effective_first: date
    benefit: str
    label_cited: str
    hcpcs: str
    hcpcs_unit: str
    dose_maximum_mcg_per_day: Decimal
    dose_maximum_citation: str
    section: tuple[Section, ...]
    paragraph: tuple[Paragraph, ...]
    contested: tuple[Contested, ...] = ()
    discrepancies: tuple[Discrepancy, ...] = ()
    approval_date: date | None = None
    banner: str = ""
    url: str = ""

    @property
    def document(self) -> str:
        """How this edition is cited: 'LA.PHAR.312 2025-09-05'."""
        return f"{self.id} {self.version.isoformat()}"

    @cached_property
    def by_id(self) -> Mapping[str, Paragraph]:
        """Every paragraph by its id, in the document's order."""
        return {paragraph.id: paragraph for paragraph in self.paragraph}

    @cached_property
    def computed(self) -> Mapping[str, Paragraph]:
        """The paragraphs that are computed, by id."""
        return {name: paragraph for name, paragraph in self.by_id.items() if not paragraph.not_computed}

    @cached_property
    def rules(self) -> Mapping[str, str]:
        """The rules of the computed paragraphs, parts before wholes."""
        return rules(self.computed)

    @cached_property
    def limbs(self) -> frozenset[str]:
        """The ids of what is only a limb inside a sentence."""
        return frozenset(name for name, paragraph in self.by_id.items() if paragraph.limb)


@dataclass(frozen=True, slots=True)
class Payer:
    """A payer, and the names under which Coverage carries it."""

    id: str
    name: str
    names: tuple[str, ...]
    line_of_business: str


def load_payer(file: Traversable) -> Payer:
    """Read a payer.toml. Raises KnowledgeError."""
    return build(Payer, read_toml(file), file=file.name, place="payer")


def load_policy(file: Traversable, *, kinds: Mapping[str, Collection[str]]) -> Policy:
    """Read one edition and check it whole. `kinds` maps each known kind of condition to the keys it takes.

    Raises KnowledgeError naming the file and the paragraph.
    """
    table = read_toml(file)
    for key, cls, name in (
        ("section", Section, "id"),
        ("paragraph", Paragraph, "id"),
        ("contested", Contested, "criterion"),
        ("discrepancies", Discrepancy, "item"),
    ):
        build_all(cls, table.get(key, []), file=file.name, place=key, name=name)
    policy = build(Policy, table, file=file.name, place="policy")
    for check in (_check_ids, _check_computed, _check_sections, _check_contested):
        check(policy, file.name)
    _check_kinds(policy, file.name, kinds)
    if file.name != f"{policy.version.isoformat()}.toml":
        raise KnowledgeError(file.name, "version", f"{policy.version} does not fit the file's name")
    return policy


def _check_ids(policy: Policy, file: str) -> None:
    seen: set[str] = set()
    for paragraph in policy.paragraph:
        if paragraph.id in seen:
            raise KnowledgeError(file, paragraph.id, "this paragraph stands twice")
        seen.add(paragraph.id)
    for paragraph in policy.paragraph:
        for part in paragraph.parts:
            if part not in seen:
                raise KnowledgeError(file, paragraph.id, f"names the paragraph '{part}', which is not in the file")


def _check_computed(policy: Policy, file: str) -> None:
    for paragraph in policy.paragraph:
        computed = bool(paragraph.conditions or paragraph.parts)
        if computed == bool(paragraph.not_computed):
            raise KnowledgeError(file, paragraph.id, "needs either conditions, all_of or any_of, or not_computed")
        if paragraph.all_of and paragraph.any_of:
            raise KnowledgeError(file, paragraph.id, "has both all_of and any_of; make one of them a paragraph")


def _check_sections(policy: Policy, file: str) -> None:
    by_id = {paragraph.id: paragraph for paragraph in policy.paragraph}
    for section in policy.section:
        for name in (*section.requires, section.footnote, section.duration_paragraph, section.route_paragraph):
            if name not in by_id:
                raise KnowledgeError(file, f"section {section.id}", f"names '{name}', which is not in the file")
        for name in section.requires:
            if by_id[name].not_computed:
                raise KnowledgeError(file, f"section {section.id}", f"requires '{name}', which is not computed")


def _check_contested(policy: Policy, file: str) -> None:
    known = {paragraph.id for paragraph in policy.paragraph}
    for contested in policy.contested:
        for name in (contested.criterion, contested.limb):
            if name not in known:
                raise KnowledgeError(file, f"contested {contested.criterion}", f"'{name}' is not in the file")
        if len(contested.reading) < 2 or contested.reading[0].conditions:
            raise KnowledgeError(
                file, f"contested {contested.criterion}", "needs the reading of the file, then another"
            )


def _check_kinds(policy: Policy, file: str, kinds: Mapping[str, Collection[str]]) -> None:
    places = [(paragraph.id, paragraph.conditions) for paragraph in policy.paragraph]
    places += [
        (f"contested {item.criterion}", reading.conditions) for item in policy.contested for reading in item.reading
    ]
    for place, conditions in places:
        for condition in conditions:
            kind = str(condition.get("kind"))
            if kind not in kinds:
                raise KnowledgeError(
                    file, place, f"unknown kind of condition '{kind}'; known: {', '.join(sorted(kinds))}"
                )
            unknown = set(condition) - {"kind", "only_for"} - set(kinds[kind])
            missing = {key for key in kinds[kind] if key != "review"} - set(condition)
            if unknown or missing:
                raise KnowledgeError(file, place, f"'{kind}' takes {', '.join(sorted(kinds[kind])) or 'no keys'}")
