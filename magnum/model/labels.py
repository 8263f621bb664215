"""Labels: how they are inherited and compared (rest-api.md, section 11.3)."""

from collections.abc import Mapping

import msgspec

Labels = dict[str, str]


class LabelDifferences(msgspec.Struct, frozen=True):
    overridden: Labels
    added: Labels
    skipped: Labels


def inherit(parent: Mapping[str, str], given: Mapping[str, str] | None, *, merge: bool) -> Labels:
    """Give the labels to store: the parent's where none are given, else the given ones, over the parent's if merged."""
    if not given:
        return dict(parent)
    return {**parent, **given} if merge else dict(given)


def compare(parent: Mapping[str, str], own: Mapping[str, str]) -> LabelDifferences:
    """Say how own labels differ from the parent's; overridden and skipped show the parent's values."""
    return LabelDifferences(
        overridden={key: value for key, value in parent.items() if key in own and own[key] != value},
        added={key: value for key, value in own.items() if key not in parent},
        skipped={key: value for key, value in parent.items() if key not in own},
    )
