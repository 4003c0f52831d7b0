# ruff: noqa: N818 - these are named as the reasons of the Kubernetes API.
"""What can go wrong between us and the API server, one type per way of handling it."""

from collections.abc import Mapping
from typing import Any, Final

import orjson


class KubeConfigError(Exception):
    """No usable kubeconfig or in-cluster credentials; the message names the file and the remedy."""


class KubeError(Exception):
    """The API server refused a request, or could not be asked (``status`` 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{message} ({reason}, HTTP {status})" if status else f"{message} ({reason})")
        self.status = status
        self.reason = reason
        """The ``reason`` of the Status object, e.g. NotFound; our own words where there was no answer."""
        self.message = message


class Unauthorized(KubeError):
    """401: our credentials are not (or no longer) accepted; they were read again once before this was raised."""


class Forbidden(KubeError):
    """403: RBAC or an admission plugin does not allow it."""


class NotFound(KubeError):
    """404: the object, its namespace, or the kind itself does not exist."""


class Conflict(KubeError):
    """409: the resourceVersion or uid precondition failed; read again and decide anew."""


class AlreadyExists(Conflict):
    """409 on create: an object of that name is there."""


class Gone(KubeError):
    """410: the resourceVersion or the continue token is too old; list again."""


class Invalid(KubeError):
    """422 or 400: the object does not pass validation or admission; asking again will not help."""


class TooManyRequests(KubeError):
    """429: the server sheds load, or a disruption budget says no."""

    def __init__(self, status: int, reason: str, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(status, reason, message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(KubeError):
    """5xx, no connection, no answer in time, or an answer that is no JSON. A write may or may not have happened."""


_BY_STATUS: Final[Mapping[int, type[KubeError]]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}


def error_from_status(status: Mapping[str, Any], what: str = "") -> KubeError:
    """The error for a Kubernetes ``Status`` object, also one that came as an ERROR line of a watch."""
    code = status.get("code")
    code = code if isinstance(code, int) else 500
    reason = str(status.get("reason") or f"HTTP{code}")
    message = f"{what}: {status.get('message') or reason}" if what else str(status.get("message") or reason)
    if code == 429:
        details = status.get("details")
        seconds = details.get("retryAfterSeconds") if isinstance(details, Mapping) else None
        return TooManyRequests(code, reason, message, float(seconds) if isinstance(seconds, int | float) else 1.0)
    if code == 409 and reason == "AlreadyExists":
        return AlreadyExists(code, reason, message)
    if code >= 500:
        return Unavailable(code, reason, message)
    return _BY_STATUS.get(code, KubeError)(code, reason, message)


def error_from_response(code: int, body: bytes, what: str, retry_after: str | None = None) -> KubeError:
    """The error for an HTTP answer >= 400, whatever its body is."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    status: dict[str, Any] = {}
    if isinstance(parsed, dict) and parsed.get("kind") == "Status":
        status = parsed
    else:
        status["message"] = body[:300].decode(errors="replace").strip()
    error = error_from_status({**status, "code": code}, what)
    if isinstance(error, TooManyRequests) and retry_after is not None and retry_after.isdigit():
        error.retry_after_seconds = float(retry_after)
    return error
