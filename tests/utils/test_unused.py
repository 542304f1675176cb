"""Options that are not used are not written."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from aira_dsl.primitives.attention.spec import Attention
from aira_dsl.utils.unused import OPTION


class Windowed(Attention):
    window: Annotated[int | None, Field(ge=1), OPTION] = None


class Holder(BaseModel):
    block: Windowed
    name: Literal["holder"] = "holder"


def test_a_field_that_came_later_changes_no_dump_while_it_is_not_used() -> None:
    assert Windowed().model_dump() == Attention().model_dump()
    assert Windowed().model_dump_json() == Attention().model_dump_json()
    assert Holder(block=Windowed()).model_dump()["block"] == Attention().model_dump()


def test_an_option_that_is_used_is_written_and_read_again() -> None:
    used = Holder(block=Windowed(window=64))
    assert used.model_dump()["block"] == {**Attention().model_dump(), "window": 64}
    assert Holder.model_validate_json(used.model_dump_json()) == used


def test_an_option_is_in_the_schema() -> None:
    assert "window" in Windowed.model_json_schema()["properties"]


def test_options_in_use_are_named() -> None:
    assert Windowed().used_options() == {}
    assert Windowed(window=8).used_options() == {"window": 8}
