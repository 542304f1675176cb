"""The stored record of one call."""

from pydantic import BaseModel, ConfigDict

from aira_dsl.agents.models.base import Usage


class Attempt(BaseModel):
    """One request for a proposal, and the outcome of its answer.

    Attributes:
        model: the model that answered.
        prompt: the first sixteen hexadecimal digits of the SHA-256 of the request.
        answer: the answer as the domain stores it: bounded, without control characters.
        complaint: why the answer was rejected; empty if it was accepted.
        code: code of the rejection, such as `E0201`, `invalid` or `duplicate`.
        usage: tokens.
        estimated: the service reported no usage that can be true, and `usage` is an upper bound.
        usd: cost in US dollars; None if the price of the model is unknown.
        seconds: duration of the call, waiting for the service included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    prompt: str
    answer: str
    complaint: str = ""
    code: str = ""
    usage: Usage
    estimated: bool = False
    usd: float | None
    seconds: float
