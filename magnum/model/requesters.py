"""Who asks: the identity behind a request, as far as rules and tenancy need it. No token, no password."""

import msgspec


class Requester(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str | None
    project_id: str | None
    roles: tuple[str, ...] = ()
    is_admin: bool = False
    user_name: str | None = None
    project_name: str | None = None
    user_domain_id: str | None = None
    user_domain_name: str | None = None
    domain_id: str | None = None
    """The domain that the requester acts for, where that is neither a project nor the whole system."""
    system_scope: str | None = None
    request_id: str | None = None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whose rows a query may see: one project's, one user's where there is no project, or all (`everything`)."""

    project_id: str | None = None
    user_id: str | None = None
    everything: bool = False

    @classmethod
    def own(cls, requester: Requester) -> "Scope":
        if requester.project_id is not None:
            return cls(project_id=requester.project_id)
        return cls(user_id=requester.user_id)

    @classmethod
    def widest(cls, requester: Requester) -> "Scope":
        """All projects for an admin, the own one for everybody else."""
        return cls(everything=True) if requester.is_admin else cls.own(requester)


EVERYTHING = Scope(everything=True)
