"""All that the texts say, loaded once, and which edition is in force on a date. Knows nothing of patients."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable

from cds_service.errors import KnowledgeError
from cds_service.knowledge.label import Label
from cds_service.knowledge.labels import load_label
from cds_service.knowledge.policy import Payer, Policy, load_payer, load_policy
from cds_service.knowledge.questions import load_questions
from cds_service.knowledge.valuesets import load_value_sets
from cds_service.order_questions import OrderQuestions
from cds_service.terminology import ValueSets


@dataclass(frozen=True)
class Knowledge:
    """Policies that are judged (oldest first), labels (oldest first), payers, value sets and the order questions."""

    policies: tuple[Policy, ...]
    labels: tuple[Label, ...]
    payer_list: tuple[Payer, ...]
    value_sets: ValueSets
    questions: OrderQuestions
    held_back: tuple[Policy, ...] = ()
    """Editions on file that the site does not want judged, oldest first; see `holding`."""

    @property
    def on_file(self) -> tuple[Policy, ...]:
        """Every edition, judged or held back, oldest first."""
        return tuple(sorted((*self.policies, *self.held_back), key=lambda policy: policy.version))

    @property
    def payers(self) -> Mapping[str, tuple[str, ...]]:
        """Payer id -> the names under which Coverage carries it."""
        return {payer.id: payer.names for payer in self.payer_list}

    def payer(self, payer_id: str) -> Payer:
        """The payer with this id. Raises KeyError."""
        return {payer.id: payer for payer in self.payer_list}[payer_id]

    def editions(self, payer: str, drug: str, on: date) -> tuple[Policy, ...]:
        """The edition current on that date and the one before it, newest first; empty before the first review.

        An edition exists from its review date.
        """
        mine = [policy for policy in self.policies if (policy.payer, policy.drug) == (payer, drug)]
        return tuple(reversed([policy for policy in mine if policy.version <= on][-2:]))

    def label(self, drug: str, on: date) -> Label:
        """The newest label edition of that date; before the first on file, the first (the caller flags it)."""
        labels = [label for label in self.labels if label.drug == drug]
        return next((label for label in reversed(labels) if label.from_date <= on), labels[0])


def load_knowledge(
    *, kinds: Mapping[str, Collection[str]], guidance_codes: Collection[str] = (), root: Traversable | None = None
) -> Knowledge:
    """Read and check every knowledge file. Raises KnowledgeError naming the file and the place.

    `kinds` and `guidance_codes` are what `assess` knows how to judge; they are handed in so that knowledge need not
    import it.
    """
    root = root or resources.files("cds_service.knowledge")
    payers, policies = [], []
    for folder in _folders(root / "policies"):
        payers.append(load_payer(folder / "payer.toml"))
        for drug in _folders(folder):
            policies += [load_policy(file, kinds=kinds) for file in _files(drug, ".toml")]
    labels = [
        load_label(file, required_codes=guidance_codes)
        for drug in _folders(root / "labels")
        for file in _files(drug, ".toml")
    ]
    if not policies or not labels:
        raise KnowledgeError(str(root), "", "no policy or no label on file")
    return Knowledge(
        tuple(sorted(policies, key=lambda policy: policy.version)),
        tuple(sorted(labels, key=lambda label: label.from_date)),
        tuple(payers),
        load_value_sets(root / "valuesets"),
        _questions(root / "questions", policies),
    )


def _questions(folder: Traversable, policies: Iterable[Policy]) -> OrderQuestions:
    """The order questions: one drug, one file."""
    files = _files(folder, ".toml") if folder.is_dir() else []
    if len(files) != 1:
        raise KnowledgeError("questions", "", f"expected one file of order questions, found {len(files)}")
    return load_questions(files[0], paragraphs={item.id for policy in policies for item in policy.paragraph})


def _folders(folder: Traversable) -> list[Traversable]:
    return sorted((item for item in folder.iterdir() if item.is_dir() and not item.name.startswith("_")), key=_name)


def _files(folder: Traversable, ending: str) -> list[Traversable]:
    return sorted((item for item in folder.iterdir() if item.name.endswith(ending)), key=_name)


def _name(item: Traversable) -> str:
    return item.name
