"""`explain CITATION` and `policy diff A B`: what we say the texts mean, and what changed between editions."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from cds_service.commands.console import table
from cds_service.knowledge.label import Discrepancy, Label
from cds_service.knowledge.library import Knowledge
from cds_service.knowledge.policy import Paragraph, Policy


def explain(knowledge: Knowledge, citation: str, out: Console) -> None:
    """Print what each edition says at this place. Raises click.BadParameter with near matches when nothing does."""
    wanted = citation.split()[-1] if citation.upper().startswith("LA.PHAR.312 ") else citation.strip()
    found = [
        *(lines for policy in knowledge.on_file for lines in _in_policy(policy, wanted)),
        *(lines for label in knowledge.labels for lines in _in_label(label, wanted)),
    ]
    if not found:
        near = difflib.get_close_matches(wanted, list(_known(knowledge)), n=5, cutoff=0.4)
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise click.BadParameter(f"nothing on file is cited as '{wanted}'.{hint}", param_hint="CITATION")
    for lines in found:
        out.print("\n".join(lines))
        out.print()


def _known(knowledge: Knowledge) -> Iterator[str]:
    for policy in knowledge.on_file:
        yield from (paragraph.id for paragraph in policy.paragraph)
    for label in knowledge.labels:
        yield from (item.code for item in label.guidance)
        yield from (
            each.id for rows in (label.rows, label.toxicity_rules, label.premedication, label.bags) for each in rows
        )


def _in_policy(policy: Policy, wanted: str) -> Iterator[list[str]]:
    state = f"LDH approval {policy.approval_date}" if policy.approval_date else "LDH approval not shown"
    for paragraph in policy.paragraph:
        if paragraph.id.lower() == wanted.lower():
            head = f"[bold]{policy.id} {paragraph.id}[/bold]  review of {policy.version}, {state}"
            yield [
                head,
                f"  {escape(paragraph.title)}: {escape(paragraph.says)}",
                *_how(paragraph),
                *_doubt(policy, wanted),
            ]
    yield from _discrepancies(policy.discrepancies, wanted)


def _how(paragraph: Paragraph) -> Iterator[str]:
    if paragraph.not_computed:
        yield f"  Not computed: {escape(paragraph.not_computed)}"
    if paragraph.only_if:
        yield f"  Only if: {paragraph.only_if.replace('_', ' ')}"
    for condition in paragraph.conditions:
        yield f"  Needs: {escape(condition_words(condition))}"
    for word, parts in (("All of", paragraph.all_of), ("Any of", paragraph.any_of)):
        if parts:
            yield f"  {word}: {', '.join(parts)}"


def _doubt(policy: Policy, wanted: str) -> Iterator[str]:
    for item in policy.contested:
        if wanted.lower() in (item.criterion.lower(), item.limb.lower()):
            yield "  [yellow]Contested:[/yellow] " + escape(item.why)
            yield from (f"    reading: {escape(reading.name)}" for reading in item.reading)
            yield f"  Question to the payer: {escape(item.question)}"


def condition_words(condition: Mapping[str, Any]) -> str:
    """A condition of a policy file in a few words."""
    words = str(condition["kind"]).replace("-", " ")
    for key, value in condition.items():
        if key != "kind":
            shown = ", ".join(value) if isinstance(value, list) else value
            words += f"; {key.replace('_', ' ')} {shown}"
    return words


def _in_label(label: Label, wanted: str) -> Iterator[list[str]]:
    low = wanted.lower()
    for row in label.rows:
        if low in (row.id.lower(), row.citation.lower()):
            cycles, days = f"{row.first_cycle}-{row.last_cycle}", f"{row.first_day}-{row.last_day}"
            dose = f"{row.mcg_per_day} mcg/day from {label.weight_line_kg} kg, else {row.mcg_per_m2_per_day} mcg/m²/day"
            head = f"[bold]{escape(label.title)}[/bold]  row {row.id} ({escape(row.citation)}, grade {row.grade})"
            yield [head, f"  {row.track}, cycles {cycles}, days {days}: {dose}, at most {row.cap_mcg_per_day} mcg/day"]
    for name, citation, grade, says in _said_in_words(label):
        if low in (name.lower(), citation.lower()):
            head = f"[bold]{escape(label.title)}[/bold]  {name} ({escape(citation)}, grade {grade})"
            yield [head, f"  {escape(says)}"]
    yield from _discrepancies(label.discrepancies, wanted)


def _said_in_words(label: Label) -> Iterator[tuple[str, str, str, str]]:
    """(name, citation, grade, what it says) of the label's topics, toxicity lines, premedication rows and bags."""
    for item in label.guidance:
        yield item.code, item.citation, item.grade, f"{item.title}: {item.says}"
    for rule in label.toxicity_rules:
        grades = f", CTCAE grade {' or '.join(map(str, rule.grades))}" if rule.grades else ""
        yield rule.id, rule.citation, rule.grade, f"{rule.event}{grades}: {rule.says}"
    for row in label.premedication:
        dose = f"{row.dose_mg} mg" if row.dose_mg else f"{row.dose_mg_per_m2} mg/m², at most {row.cap_mg} mg"
        says = f"{row.track}, {row.age_group}: {row.agent} {dose} {row.route}, {row.timing}. {row.restart_says}"
        yield row.id, row.citation, row.grade, says
    for bag in label.bags:
        limit = f", not under {bag.minimum_kg} kg" if bag.minimum_kg else ""
        diluent = "with benzyl alcohol" if bag.preserved else "preservative-free"
        yield bag.id, bag.citation, bag.grade, f"{bag.hours} h at {bag.ml_per_hour} mL/h, {diluent}{limit}"


def _discrepancies(items: tuple[Discrepancy, ...], wanted: str) -> Iterator[list[str]]:
    for item in items:
        if item.item.lower() == wanted.lower():
            yield [
                f"[bold]{item.item}[/bold]  {escape(item.document)} prints: {escape(item.prints)}",
                f"  Used: {escape(item.used)}",
                f"  Why: {escape(item.why)}",
            ]


def edition(knowledge: Knowledge, version: str) -> Policy:
    """The edition of a review date. Raises click.BadParameter listing those on file."""
    for policy in knowledge.on_file:
        if policy.version.isoformat() == version:
            return policy
    known = ", ".join(policy.version.isoformat() for policy in knowledge.on_file)
    raise click.BadParameter(f"no edition of {version} on file; there are: {known}")


def changes(before: Policy, after: Policy) -> list[dict[str, str]]:
    """What changed, by paragraph, in the order of the newer document: {paragraph, change, before, after}."""
    old, new = ({item.id: item for item in policy.paragraph} for policy in (before, after))
    contested = {name: item for item in after.contested for name in (item.criterion, item.limb)}
    found = []
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) == new.get(name):
            continue
        change = "removed" if name not in new else "new" if name not in old else "changed"
        if name in contested:
            change += ", contested"
        found.append(
            {"paragraph": name, "change": change, "before": _told(old.get(name)), "after": _told(new.get(name))}
        )
    return sorted(found, key=lambda row: row["paragraph"])


def _told(paragraph: Paragraph | None) -> str:
    if paragraph is None:
        return "–"
    return paragraph.says


def print_changes(before: Policy, after: Policy, out: Console) -> None:
    """The changes as a table, then the questions that are open."""
    out.print(f"[bold]{after.id}[/bold]: from the review of {before.version} to the review of {after.version}\n")
    made = table("Paragraph", "Change", f"{before.version}", f"{after.version}")
    for row in changes(before, after):
        made.add_row(*(escape(row[key]) for key in ("paragraph", "change", "before", "after")))
    out.print(made)
    for item in after.contested:
        out.print(f"\n[yellow]Contested {item.criterion}:[/yellow] {escape(item.why)}\n  {escape(item.question)}")
