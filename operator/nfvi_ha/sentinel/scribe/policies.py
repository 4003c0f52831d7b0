"""Which HAPolicy holds where. One that must not be acted on is refused; where it was good before, that stands."""

import logging
from dataclasses import dataclass
from typing import Any

from nfvi_ha.api.errors import InvalidObject
from nfvi_ha.api.hapolicy import DEFAULT, HAPolicy, HAPolicySpec
from nfvi_ha.core.policy import in_order, policy_of
from nfvi_ha.core.policy_figures import verdict_figures
from nfvi_ha.core.views import NodeView

JsonObject = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PolicyView:
    """An HAPolicy, or why it is none."""

    name: str
    uid: str
    model: HAPolicy | None
    problem: str = ""


def policy_view(obj: JsonObject) -> PolicyView:
    """Read an HAPolicy. Never raises."""
    metadata = obj.get("metadata")
    names = metadata if isinstance(metadata, dict) else {}
    name, uid = str(names.get("name") or ""), str(names.get("uid") or "")
    try:
        return PolicyView(name, uid, HAPolicy.parse(obj))
    except InvalidObject as problem:
        return PolicyView(name, uid, None, str(problem))


class Policies:
    """All of them. Without any, every node is governed by the defaults."""

    def __init__(self) -> None:
        self._good: dict[str, HAPolicy] = {}
        """By uid."""

    def change(self, old: PolicyView | None, new: PolicyView | None) -> None:
        """One came, changed or went (``new`` is None)."""
        if new is None:
            if old is not None:
                self._good.pop(old.uid, None)
        elif new.model is not None:
            self._good[new.uid] = new.model
        else:
            stands = new.uid in self._good
            log.warning(
                "refused",
                extra={"object": f"HAPolicy {new.name}", "detail": new.problem, "last_good_one_stands": stands},
            )

    def governs(self, node: NodeView) -> bool:
        """Whether a policy covers the node."""
        return self._of(node) is not None

    def may_mark(self, node: NodeView) -> bool:
        """Whether the policy that covers the node wants a dead one to be marked."""
        spec = self._of(node)
        return spec is not None and spec.taint_failed_nodes

    def verdict(self) -> JsonObject:
        """The figures of verdicts: fields of ``VerdictPolicy``. Of the leading policy, for all are judged together."""
        leading = next(iter(in_order(self._good.values())), None)
        return dict(verdict_figures(leading.spec if leading is not None else DEFAULT))

    def _of(self, node: NodeView) -> HAPolicySpec | None:
        if not self._good:
            return DEFAULT
        policy = policy_of(dict(node.labels), self._good.values())
        return policy.spec if policy is not None else None
