"""[quotas]: what a project may have where it has no quota of its own."""

from typing import Annotated

import msgspec

from .options import Option


class Quotas(msgspec.Struct, frozen=True, kw_only=True):
    max_clusters_per_project: Annotated[int, Option("Clusters per project without a quota of its own.", minimum=0)] = 20
