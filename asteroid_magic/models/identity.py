"""`Identity`: whose an API key is, read leniently."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import coerce


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whose an API key is.

    What the server did not send is None, or ``""`` for `kind` and `id`.

    Attributes
    ----------
    kind : str
        ``"person"``, ``"api_key"`` (a key of an organization) or ``"service"``.
    id : str
        Names the person, the key or the service.
    organization_id : str or None
        The organization in which the key acts.
    credential : str or None
        The kind of the key, such as ``"user_api_key"``.
    email : str or None
        The address of the person.
    data : mapping
        Every other member of the JSON, by its own name.
    """

    kind: str = ""
    id: str = ""
    organization_id: str | None = None
    credential: str | None = None
    email: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


def read_identity(body: dict[str, Any]) -> Identity:
    """Return the identity that a JSON object describes; any member may be missing."""
    rest = dict(body)
    person = coerce.members(rest.get("person")) or {}
    return Identity(
        kind=coerce.text(rest.pop("kind", None)) or "",
        id=coerce.text(rest.pop("id", None)) or "",
        organization_id=coerce.text(rest.pop("organizationId", None)),
        credential=coerce.text(rest.pop("credential", None)),
        email=coerce.text(person.get("email")),
        data=rest,
    )
