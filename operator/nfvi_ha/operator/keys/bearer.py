"""From a token to the node that it is used on: TokenReview -> pod -> node.

The API server vouches for the token and for the pod that it is bound to; the pod says its node. An agent's word is
needed for nothing, so one that is taken over gets the keys of its own node and of no other.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from nfvi_ha.kube.client import KubeClient
from nfvi_ha.kube.errors import KubeError, NotFound
from nfvi_ha.kube.resources import PODS, TOKENREVIEWS
from nfvi_ha.operator.keys.refusal import KeyRefused, Reason

JsonObject = dict[str, Any]

AUDIENCE: Final = "nfvi-ha-keys"
POD_NAME: Final = "authentication.kubernetes.io/pod-name"
POD_UID: Final = "authentication.kubernetes.io/pod-uid"
ENDED_PHASES: Final = frozenset({"Succeeded", "Failed"})
ASK_SECONDS: Final = 3.0
"""Bound of both questions to the API server together."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """The pod that a token is bound to."""

    pod: str
    uid: str


class Reviewer:
    """Finds the node of a token's pod.

    Args:
        client: asks the API server; nothing is changed by it.
        namespace: our own, where the agents run.
        service_account: that of the agents.
    """

    def __init__(self, client: KubeClient, namespace: str, service_account: str) -> None:
        self._client = client
        self._namespace = namespace
        self._service_account = service_account

    async def node_of(self, token: str) -> str:
        """The name of the node that the token's pod runs on.

        Raises:
            KeyRefused: it is no token of a living agent, or nobody could say.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                body = {"spec": {"token": token, "audiences": [AUDIENCE]}}
                review = await self._client.create(TOKENREVIEWS, body)
                bearer = self._bearer(review.get("status") or {})
                return self._node(bearer, await self._client.get(PODS, bearer.pod, self._namespace))
        except NotFound as error:
            raise KeyRefused(Reason.POD_GONE, "the token's pod is gone") from error
        except (KubeError, TimeoutError) as error:
            # Not the error's text: an API server may well repeat the request in it.
            raise KeyRefused(Reason.API_UNAVAILABLE, f"the API server did not answer ({_word(error)})") from error

    def _bearer(self, status: JsonObject) -> Bearer:
        if status.get("authenticated") is not True:
            raise KeyRefused(Reason.NOT_AUTHENTICATED, "the API server does not accept the token for this audience")
        if AUDIENCE not in (status.get("audiences") or ()):
            raise KeyRefused(Reason.WRONG_AUDIENCE, f"the token is not for audience {AUDIENCE}")
        user = status.get("user") or {}
        wanted = f"system:serviceaccount:{self._namespace}:{self._service_account}"
        if user.get("username") != wanted:
            raise KeyRefused(Reason.WRONG_SERVICE_ACCOUNT, f"{user.get('username')} is not {wanted}")
        extra = user.get("extra") or {}
        pod, uid = _only(extra.get(POD_NAME)), _only(extra.get(POD_UID))
        if not pod or not uid:
            raise KeyRefused(Reason.NOT_BOUND, "the token is not bound to a pod; use a projected one")
        return Bearer(pod, uid)

    def _node(self, bearer: Bearer, pod: JsonObject) -> str:
        metadata, spec, status = (pod.get(part) or {} for part in ("metadata", "spec", "status"))
        if metadata.get("uid") != bearer.uid:
            raise KeyRefused(Reason.POD_REPLACED, f"pod {bearer.pod} is another one than the token's")
        if spec.get("serviceAccountName") != self._service_account:
            raise KeyRefused(Reason.POD_OF_ANOTHER, f"pod {bearer.pod} does not run as {self._service_account}")
        if metadata.get("deletionTimestamp") or status.get("phase") in ENDED_PHASES:
            raise KeyRefused(Reason.POD_ENDING, f"pod {bearer.pod} has ended or is about to")
        node = spec.get("nodeName")
        if not isinstance(node, str) or not node:
            raise KeyRefused(Reason.NO_NODE, f"pod {bearer.pod} has no node yet")
        return node


def _only(values: Any) -> str:
    return values[0] if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str) else ""


def _word(error: Exception) -> str:
    return error.reason if isinstance(error, KubeError) else type(error).__name__
