"""When a failed attempt is repeated: tenacity strategies with injected randomness."""

from collections.abc import Callable
from typing import Final

from tenacity import RetryCallState, retry_if_result
from tenacity.wait import wait_base

from nfvi_ha.reporting.answer import Answer, Verdict
from nfvi_ha.reporting.endpoint import Endpoint

RETRY_AFTER_CAP_SECONDS: Final = 60.0
"""A VIM may ask for less traffic, not for silence: a longer Retry-After is cut to this, or to maxBackoff if longer."""

WANTS_RETRY: Final = retry_if_result(lambda answer: answer.verdict is Verdict.RETRY)


def backoff_seconds(endpoint: Endpoint, failures: int, random: Callable[[], float]) -> float:
    """Delay after the ``failures``-th failure in a row: doubling from initial to max, of which half is random.

    Args:
        endpoint: For its initial and longest back-off.
        failures: 1 or more.
        random: Uniform in [0, 1).
    """
    # 2**62 s is longer than any bound; more would overflow a float in the end.
    plain = min(endpoint.max_backoff_seconds, endpoint.initial_backoff_seconds * 2.0 ** min(failures - 1, 62))
    return plain * (0.5 + 0.5 * random())


def capped_retry_after(endpoint: Endpoint, answer: Answer) -> float | None:
    """How long the endpoint asked to be left alone, in seconds, within our bound."""
    if answer.retry_after_seconds is None:
        return None
    return min(answer.retry_after_seconds, max(RETRY_AFTER_CAP_SECONDS, endpoint.max_backoff_seconds))


class wait_backoff(wait_base):  # noqa: N801 - named as tenacity names its strategies
    """Exponential back-off with jitter, not before Retry-After, and never beyond what is left until expiry."""

    def __init__(
        self, endpoint: Callable[[], Endpoint], random: Callable[[], float], remaining_seconds: Callable[[], float]
    ) -> None:
        self._endpoint = endpoint
        self._random = random
        self._remaining_seconds = remaining_seconds

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait, as tenacity asks for them."""
        endpoint = self._endpoint()
        wait = backoff_seconds(endpoint, retry_state.attempt_number, self._random)
        answer = retry_state.outcome.result() if retry_state.outcome else None
        asked = capped_retry_after(endpoint, answer) if isinstance(answer, Answer) else None
        return max(0.0, min(max(wait, asked or 0.0), self._remaining_seconds()))
