"""Why an object was refused: the one exception that parsing raises, and its reasons."""

from typing import Final

INVALID_FIELD: Final = "InvalidField"
"""A field is missing, of the wrong type, out of bounds or not one of the allowed values."""
INVALID_STATUS: Final = "InvalidStatus"
"""The stored status cannot be read, and what it says is needed: a newer release wrote it, or somebody edited it."""
WRONG_KIND: Final = "WrongKind"
INVALID_NAME: Final = "InvalidName"
SELECTOR_EMPTY: Final = "SelectorEmpty"
SELECTOR_INVALID: Final = "SelectorInvalid"
SELECTOR_MISMATCH: Final = "SelectorMismatch"
SELECTOR_CHANGED: Final = "SelectorChanged"
INVALID_LABEL: Final = "InvalidLabel"
RESERVED_KEY: Final = "ReservedKey"
TEMPLATE_TOO_LARGE: Final = "TemplateTooLarge"
ROLLOUT_STUCK: Final = "RolloutStuck"
BACKOFF_ORDER: Final = "BackoffOrder"
INSECURE_URL: Final = "InsecureURL"
INVALID_URL: Final = "InvalidURL"
AUTH_CONFLICT: Final = "AuthConflict"
MATCH_CONFLICT: Final = "MatchConflict"
CHECK_CONFLICT: Final = "CheckConflict"
DUPLICATE_NAME: Final = "DuplicateName"
SUSPECT_ORDER: Final = "SuspectOrder"

ALL_REASONS: Final = (
    INVALID_FIELD,
    INVALID_STATUS,
    WRONG_KIND,
    INVALID_NAME,
    SELECTOR_EMPTY,
    SELECTOR_INVALID,
    SELECTOR_MISMATCH,
    SELECTOR_CHANGED,
    INVALID_LABEL,
    RESERVED_KEY,
    TEMPLATE_TOO_LARGE,
    ROLLOUT_STUCK,
    BACKOFF_ORDER,
    INSECURE_URL,
    INVALID_URL,
    AUTH_CONFLICT,
    MATCH_CONFLICT,
    CHECK_CONFLICT,
    DUPLICATE_NAME,
    SUSPECT_ORDER,
)


class InvalidObject(ValueError):  # noqa: N818 - it names the object's state, as Kubernetes' own reason "Invalid" does
    """An object that must not be acted on.

    ``reason`` is one of the constants above, ``field`` the path as a user writes it ("spec.slots[2].vmi"; "" for
    the whole object), ``message`` says what is wrong and what to do, without repeating the field.
    """

    def __init__(self, reason: str, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.reason = reason
        self.field = field
        self.message = message
