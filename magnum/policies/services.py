"""The service's own processes."""

from .base import ADMIN, rule

RULES = [rule("magnum-service:get_all", ADMIN, "List the service's conductors.", "GET /v1/mservices")]
