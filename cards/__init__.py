"""What a CDS Hooks card is, and the words of ours. A leaf: imports nothing of ours and makes no clinical judgement."""

from cards.model import (
    Action,
    Card,
    CardError,
    Indicator,
    Link,
    OverrideReason,
    SelectionBehavior,
    Source,
    Suggestion,
    Topic,
)
from cards.render import render
from cards.template import Template, TemplateError, Templates, load_templates

__all__ = [
    "Action",
    "Card",
    "CardError",
    "Indicator",
    "Link",
    "OverrideReason",
    "SelectionBehavior",
    "Source",
    "Suggestion",
    "Template",
    "TemplateError",
    "Templates",
    "Topic",
    "load_templates",
    "render",
]
