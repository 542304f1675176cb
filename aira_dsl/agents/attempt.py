"""One call to a proposer, as the journal keeps it."""

from pydantic import BaseModel, ConfigDict

from aira_dsl.agents.models.base import Usage


class Attempt(BaseModel):
    """A question and its answer.

    Attributes:
        model: who answered.
        prompt: the first sixteen hexadecimal digits of the SHA-256 of all that was sent.
        answer: the text of the answer, without control characters, cut at 20,000 characters.
        complaint: why it could not be used; empty if it could.
        code: the code of the first complaint, such as `E0201`, or `invalid` or `duplicate`.
        usage: tokens.
        usd: what it cost in US dollars, None if the model has no known price.
        seconds: how long it took, waiting for the service included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    prompt: str
    answer: str
    complaint: str = ""
    code: str = ""
    usage: Usage
    usd: float | None
    seconds: float
