"""What a card never says, checked in every template at start-up and in every gallery card by a test.

"LDH approval not shown" is about the state's approval of a policy text and stays; a request is never called
approved or denied: that is the payer's to say.
"""

from __future__ import annotations

import re

NEVER: tuple[tuple[str, str], ...] = (
    (r"\bapproved\b", "only the payer says that"),
    (r"\bden(?:y|ied|ies)\b", "only the payer says that"),
    (r"\bsafe to (?:start|give|continue)\b", "no chart shows that"),
    (r"\bdose (?:is )?(?:correct|right|ok|safe)\b|\bcorrect dose\b", "inputs may be stale or wrong"),
    (r"\bno premedication (?:is |was )?(?:needed|necessary|required|due)\b", "no label row is not 'none needed'"),
    (r"\bno (?:hospital )?admission\b|\bpremedication (?:is )?not needed\b", "no label row is not 'none needed'"),
    (r"\bno contraindications?\b", "an empty chart shows nothing"),
    (r"\b(?:Ph|BCR::ABL1)-negative \(remission\)", "a remission test does not tell"),
    (r"\bNCCN[- ]?(?:recommended|listed|preferred)\b", "we do not hold the guideline"),
    (r"\bresume at\b", "only after resolution, by the label's table"),
    (r"\bstop(?:ped)? permanently\b", "the label's table speaks by grade"),
    (r"\b\d+ ?mL\b(?!/h)", "bag volumes are the pharmacy's"),
    (r"(?<![\d.,])20 ?(?:mcg|µg|ug)\b", "a scan error of the overview (D1)"),
    (r"(?<![\d.,])2\.2 ?%", "an unverified rate (D20)"),
    (r"\bcalcium rises\b", "it falls (D19)"),
    (r"\b38\.5 ?(?:mcg|µg|ug)\b", "the vial of another market (D37)"),
)

_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), why) for pattern, why in NEVER)


def forbidden(text: str) -> list[tuple[int, str, str]]:
    """(line number, words found, why not) for each thing a card may never say."""
    return [
        (number, found.group(), why)
        for number, line in enumerate(text.splitlines(), 1)
        for pattern, why in _PATTERNS
        for found in pattern.finditer(line)
    ]
