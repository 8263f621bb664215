"""What is said to somebody who gives labels: the refusal of bad values, and warnings of labels that do nothing.

Which labels there are and what is a good value is `model.label_registry`'s; which of them take effect, the driver's.
"""

from collections.abc import Mapping

from magnum.drivers.base import DriverSpec
from magnum.model import label_registry

from .errors import InvalidRequest


def check_labels(labels: Mapping[str, str], *, kept: Mapping[str, str] | None = None) -> None:
    """Refuse known labels with bad values, but for those that are kept as they were."""
    problems = label_registry.problems(labels, kept)
    if problems:
        raise InvalidRequest(" ".join(problems))


def warn_of_unknown(spec: DriverSpec, labels: Mapping[str, str]) -> list[str]:
    """Give a sentence for each label that nobody knows."""
    return label_registry.unknown(labels, spec.labels)


def warn_of_all(spec: DriverSpec, labels: Mapping[str, str]) -> list[str]:
    """Give a sentence for each label that does nothing here."""
    idle = label_registry.without_effect(labels, spec.labels)
    return [
        *warn_of_unknown(spec, labels),
        *(f"The label {name} has no effect on clusters of the driver {spec.name}." for name in idle),
    ]
