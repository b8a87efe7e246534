"""`check`: is every knowledge file, value set, schema and template in order, and what is still open?"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from cds_service.commands.console import table
from cds_service.knowledge.label import CONFIRM_GRADES, Bag, DosingRow, Label, PremedicationRow, ToxicityRule
from cds_service.knowledge.library import Knowledge


def report(knowledge: Knowledge, templates: int, out: Console) -> None:
    """Print what was loaded, then the three lists a pharmacist and the payer's contact should see."""
    _loaded(knowledge, templates, out)
    _not_computed(knowledge, out)
    _to_confirm(knowledge, out)
    _questions(knowledge, out)


def _loaded(knowledge: Knowledge, templates: int, out: Console) -> None:
    made = table("In order", "What it holds", title="Knowledge")
    for policy in knowledge.on_file:
        computed = sum(not paragraph.not_computed for paragraph in policy.paragraph)
        state = f"LDH approval {policy.approval_date}" if policy.approval_date else "LDH approval not shown"
        state += "; held back by policy_editions_held_back" if policy in knowledge.held_back else ""
        made.add_row(policy.document, f"{len(policy.paragraph)} paragraphs, {computed} computed; {state}")
    for label in knowledge.labels:
        made.add_row(label.title, f"{len(label.rows)} dosing rows, {len(label.guidance)} topics of guidance")
    codes = sum(len(found) for found in knowledge.value_sets.sets.values())
    made.add_row("Value sets", f"{len(knowledge.value_sets.sets)} sets, {codes} codes")
    asked = knowledge.questions
    made.add_row(
        "Order questions", f"{len(asked.questions)} questions, {len(asked.codes)} codes; version {asked.version}"
    )
    made.add_row("Card templates", str(templates))
    out.print(made)


def _not_computed(knowledge: Knowledge, out: Console) -> None:
    made = table("Paragraph", "Why not", title="Paragraphs not computed (newest edition)")
    for paragraph in knowledge.policies[-1].paragraph:
        if paragraph.not_computed:
            made.add_row(paragraph.id, escape(paragraph.not_computed))
    out.print()
    out.print(made)


def _to_confirm(knowledge: Knowledge, out: Console) -> None:
    made = table(
        "Item", "Citation", "Grade", title="To be confirmed by a pharmacist against the current label (grades K, B)"
    )
    for label in knowledge.labels:
        for name, citation, grade in _graded(label):
            if grade in CONFIRM_GRADES:
                made.add_row(escape(name), escape(citation), grade)
    out.print()
    out.print(made)


def _graded(label: Label) -> Iterator[tuple[str, str, str]]:
    graded: list[DosingRow | PremedicationRow | Bag | ToxicityRule] = [*label.rows, *label.premedication]
    for row in (*graded, *label.bags, *label.toxicity_rules):
        yield row.id, row.citation, row.grade
    for stay in label.supervision:
        yield f"hospital days, {stay.track}", stay.citation, stay.grade
    for course in label.courses:
        yield f"course, {course.track}", course.citation, course.grade
    for topic in label.guidance:
        yield f"{topic.code}: {topic.title}", topic.citation, topic.grade


def _questions(knowledge: Knowledge, out: Console) -> None:
    out.print("\n[bold]Questions open to the payer[/bold]")
    for policy in knowledge.policies:
        for item in policy.contested:
            out.print(f"  {policy.document} {item.criterion}: {escape(item.question)}")
        if policy.banner:
            out.print(f"  {policy.document}: {escape(policy.banner)}")
