"""Why an agent gets no keys. The reason goes into the answer, the log and a metric; a token into none of them."""

from enum import StrEnum


class Reason(StrEnum):
    """Constant words, also metric labels."""

    NO_TOKEN = "NoToken"  # noqa: S105 - a reason
    TOO_MANY_REQUESTS = "TooManyRequests"
    NOT_AUTHENTICATED = "NotAuthenticated"
    """The API server does not know the token, it has expired, or its pod is gone."""
    WRONG_AUDIENCE = "WrongAudience"
    WRONG_SERVICE_ACCOUNT = "WrongServiceAccount"
    NOT_BOUND = "NotBoundToPod"
    """The token is not bound to a pod, so nothing says which node it is used on."""
    POD_GONE = "PodGone"
    POD_REPLACED = "PodReplaced"
    """There is a pod of that name, and it is another one."""
    POD_OF_ANOTHER = "PodOfAnotherServiceAccount"
    POD_ENDING = "PodEnding"
    NO_NODE = "NoNode"
    NO_KEYS = "NoKeysYet"
    API_UNAVAILABLE = "ApiUnavailable"


_STATUS = {
    Reason.NO_TOKEN: 401,
    Reason.NOT_AUTHENTICATED: 401,
    Reason.WRONG_AUDIENCE: 401,
    Reason.TOO_MANY_REQUESTS: 429,
    Reason.NO_KEYS: 503,
    Reason.API_UNAVAILABLE: 503,
}


class KeyRefused(Exception):  # noqa: N818 - what happened
    """No keys; the message is for people and names no secret."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def status(self) -> int:
        """HTTP status of the answer: 503 and 429 are worth another try."""
        return _STATUS.get(self.reason, 403)
