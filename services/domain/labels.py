"""Labels of Studios: pairs of a key and a value, by which people and programs group Studios (B86)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.limits import MAX_LABEL_LENGTH, MAX_LABELS, MIN_LABEL_LENGTH
from services.domain.problems import Problems

PATTERN = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")
RULE = (
    f"{MIN_LABEL_LENGTH} to {MAX_LABEL_LENGTH} letters (a to z, A to Z), digits, and single hyphens or underscores between them, "
    "for example `cost-centre`"
)


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """One label. Upper and lower case differ."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


def check_labels(problems: Problems, labels: Sequence[Label]) -> None:
    """Adds what is wrong with each label, and with all of them: at most 25 on a Studio, and one value for each key."""
    for index, label in enumerate(labels):
        for part in ("key", "value"):
            text = getattr(label, part)
            if not (MIN_LABEL_LENGTH <= len(text) <= MAX_LABEL_LENGTH and PATTERN.fullmatch(text)):
                problems.add(f"labels.{index}.{part}", "CHARACTERS", f"The {part} of a label has {RULE}.")
    keys = [label.key for label in labels]
    for key in sorted({key for key in keys if keys.count(key) > 1}):
        problems.add("labels", "DUPLICATE", f"The label {key} is given more than once. Give each key one value.")
    if len(labels) > MAX_LABELS:
        problems.add("labels", "LENGTH", f"A Studio has at most {MAX_LABELS} labels; these are {len(labels)}.")
