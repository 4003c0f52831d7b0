"""Why an endpoint cannot be used."""

from typing import Final

URL_INVALID: Final = "URLInvalid"
URL_SCHEME_REFUSED: Final = "URLSchemeRefused"
URL_INSECURE: Final = "URLInsecure"
URL_CREDENTIALS_REFUSED: Final = "URLCredentialsRefused"
URL_HOST_REFUSED: Final = "URLHostRefused"
SECRET_NOT_FOUND: Final = "SecretNotFound"  # noqa: S105 - names no secret, nor do the next
SECRET_KEY_NOT_FOUND: Final = "SecretKeyNotFound"  # noqa: S105
SECRET_INVALID: Final = "SecretInvalid"  # noqa: S105
SECRET_NOT_ALLOWED: Final = "SecretNotAllowed"  # noqa: S105
"""The Secret does not say that its content may go to this host."""

ALL_REASONS: Final = (
    URL_INVALID,
    URL_SCHEME_REFUSED,
    URL_INSECURE,
    URL_CREDENTIALS_REFUSED,
    URL_HOST_REFUSED,
    SECRET_NOT_FOUND,
    SECRET_KEY_NOT_FOUND,
    SECRET_INVALID,
    SECRET_NOT_ALLOWED,
)


class EndpointRefused(Exception):  # noqa: N818 - a state, as Kubernetes' own reasons are
    """Nothing is sent to this endpoint until it, or its Secret, is changed.

    ``reason`` is one of the constants above, ``field`` a path like "spec.auth.hmac.secretName", ``message`` says what
    is wrong and what to do. No credential is ever part of it.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.reason = reason
        self.field = field
        self.message = message
