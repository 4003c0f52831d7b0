"""The policy of the feed as numbers for the verdicts: a field that cannot be used leaves its default standing."""

import logging
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from nfvi_ha.core.verdict.policy import VerdictPolicy

log = logging.getLogger(__name__)

_DEFAULT: Final = VerdictPolicy()


def verdict_policy(said: Mapping[str, Any], networks: tuple[str, ...]) -> VerdictPolicy:
    """The policy, with the names of the networks that this sentinel listens on where the feed names none.

    Field names may be as in ``VerdictPolicy`` or in camelCase. HAPolicy checks ranges; here only types and signs are.
    """
    used: dict[str, Any] = {}
    for field in fields(VerdictPolicy):
        if field.name == "networks":
            continue
        value = said.get(field.name, said.get(_camel(field.name)))
        if value is None:
            continue
        default = getattr(_DEFAULT, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            log.warning("field of the policy refused", extra={"field": field.name, "value": repr(value)[:80]})
            continue
        used[field.name] = int(value) if isinstance(default, int) else float(value)
    named = said.get("networks")
    usable = isinstance(named, list | tuple) and named and all(isinstance(name, str) for name in named)
    return VerdictPolicy(**used, networks=tuple(named) if usable and named else networks)


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)
