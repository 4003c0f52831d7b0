"""How a receiver misbehaves on purpose."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Manner = Literal["answer", "drop", "close"]


class Misbehaviour(BaseModel):
    """What is done with a request. The default does nothing wrong."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    delay_seconds: float = Field(default=0.0, ge=0.0, le=3600.0, description="Wait so long before anything else.")
    manner: Manner = Field(
        default="answer", description="answer; drop: read it and never answer; close: read it and close the connection."
    )
    status: int = Field(default=204, ge=200, le=599, description="The answer.")
    headers: dict[str, str] = Field(default_factory=dict, description="Of the answer, e.g. Retry-After.")
    every: int = Field(default=1, ge=1, description="Only every n-th request, the others are answered 204.")
    count: int | None = Field(default=None, ge=1, description="Only so many requests, None: all.")


GOOD = Misbehaviour()


@dataclass(slots=True)
class Conduct:
    """A misbehaviour and how far it got."""

    misbehaviour: Misbehaviour = GOOD
    seen: int = 0
    done: int = 0

    def next(self) -> Misbehaviour:
        """What to do with the next request."""
        self.seen += 1
        wanted = self.misbehaviour
        if self.seen % wanted.every or (wanted.count is not None and self.done >= wanted.count):
            return GOOD
        self.done += 1
        return wanted
