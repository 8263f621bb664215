"""Counts of clusters and nodes."""

from .base import OLD_OWNER, READER, rule

RULES = [rule("stats:get_all", READER, "Count clusters and nodes.", "GET /v1/stats", old=OLD_OWNER)]
