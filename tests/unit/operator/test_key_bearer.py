"""Whose token it is: every way in which it may be nobody's that gets keys."""

from typing import Any

import pytest

from nfvi_ha.kube.errors import Forbidden, NotFound, Unavailable
from nfvi_ha.kube.resources import PODS, TOKENREVIEWS, Resource
from nfvi_ha.operator.keys.bearer import AUDIENCE, POD_NAME, POD_UID, Reviewer
from nfvi_ha.operator.keys.refusal import KeyRefused, Reason

Obj = dict[str, Any]
TOKEN = "header.payload.signature"
USER = {
    "username": "system:serviceaccount:nfvi-ha-system:nfvi-ha-agent",
    "extra": {POD_NAME: ["agent-x"], POD_UID: ["uid-x"]},
}
GOOD: Obj = {"authenticated": True, "audiences": [AUDIENCE], "user": USER}
POD: Obj = {
    "metadata": {"name": "agent-x", "uid": "uid-x"},
    "spec": {"nodeName": "worker-1", "serviceAccountName": "nfvi-ha-agent"},
    "status": {"phase": "Running"},
}


class Api:
    def __init__(self, review: Obj | Exception, pod: Obj | Exception) -> None:
        self._review, self._pod = review, pod

    async def create(self, resource: Resource, body: Obj) -> Obj:
        assert resource == TOKENREVIEWS
        assert body == {"spec": {"token": TOKEN, "audiences": [AUDIENCE]}}
        if isinstance(self._review, Exception):
            raise self._review
        return {"status": self._review}

    async def get(self, resource: Resource, name: str, namespace: str) -> Obj:
        assert (resource, name, namespace) == (PODS, "agent-x", "nfvi-ha-system")
        if isinstance(self._pod, Exception):
            raise self._pod
        return self._pod


def node_of(review: Obj | Exception = GOOD, pod: Obj | Exception = POD) -> Any:
    return Reviewer(Api(review, pod), "nfvi-ha-system", "nfvi-ha-agent").node_of(TOKEN)  # type: ignore[arg-type]


async def test_a_living_agents_token_leads_to_its_node() -> None:
    assert await node_of() == "worker-1"


@pytest.mark.parametrize(
    ("review", "pod", "reason"),
    [
        ({"authenticated": False, "error": "expired"}, POD, Reason.NOT_AUTHENTICATED),
        ({}, POD, Reason.NOT_AUTHENTICATED),
        ({**GOOD, "authenticated": "true"}, POD, Reason.NOT_AUTHENTICATED),
        ({**GOOD, "audiences": ["https://kubernetes.default.svc"]}, POD, Reason.WRONG_AUDIENCE),
        ({**GOOD, "audiences": None}, POD, Reason.WRONG_AUDIENCE),
        (
            {**GOOD, "user": {**USER, "username": "system:serviceaccount:tenant:nfvi-ha-agent"}},
            POD,
            Reason.WRONG_SERVICE_ACCOUNT,
        ),
        ({**GOOD, "user": {**USER, "username": "kubernetes-admin"}}, POD, Reason.WRONG_SERVICE_ACCOUNT),
        ({**GOOD, "user": {**USER, "extra": {}}}, POD, Reason.NOT_BOUND),
        ({**GOOD, "user": {**USER, "extra": {POD_NAME: ["agent-x"]}}}, POD, Reason.NOT_BOUND),
        ({**GOOD, "user": {**USER, "extra": {POD_NAME: ["a", "b"], POD_UID: ["uid-x"]}}}, POD, Reason.NOT_BOUND),
        (GOOD, NotFound(404, "NotFound", "gone"), Reason.POD_GONE),
        (GOOD, {**POD, "metadata": {"name": "agent-x", "uid": "uid-y"}}, Reason.POD_REPLACED),
        (GOOD, {**POD, "spec": {**POD["spec"], "serviceAccountName": "default"}}, Reason.POD_OF_ANOTHER),
        (
            GOOD,
            {**POD, "metadata": {**POD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}},
            Reason.POD_ENDING,
        ),
        (GOOD, {**POD, "status": {"phase": "Failed"}}, Reason.POD_ENDING),
        (GOOD, {**POD, "spec": {"serviceAccountName": "nfvi-ha-agent"}}, Reason.NO_NODE),
        (Unavailable(0, "Unavailable", "away"), POD, Reason.API_UNAVAILABLE),
        (Forbidden(403, "Forbidden", f"may not review {TOKEN}"), POD, Reason.API_UNAVAILABLE),
        (GOOD, Unavailable(0, "Unavailable", "away"), Reason.API_UNAVAILABLE),
    ],
)
async def test_nobody_else_gets_further(review: Obj | Exception, pod: Obj | Exception, reason: Reason) -> None:
    with pytest.raises(KeyRefused) as caught:
        await node_of(review, pod)
    assert caught.value.reason is reason
    assert TOKEN not in str(caught.value)
