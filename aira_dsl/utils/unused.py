"""Fields of a model that are written only where they are used.

Fingerprints, keys of stored scores and recorded files follow from what a model is dumped to. A
field that is added later would change all of them; one that is marked with `OPTION` is left out of
dumps while it has its default.
"""

from typing import Any

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

OPTION = object()
"""Marks a field in its annotation: `window: Annotated[Size | None, OPTION] = None`."""


class OmitsUnused(BaseModel):
    """A model whose dumps leave out options that have their defaults."""

    def used_options(self) -> dict[str, Any]:
        """Return the options whose values are not their defaults."""
        fields = type(self).model_fields.items()
        options = [name for name, field in fields if OPTION in field.metadata]
        values = {name: getattr(self, name) for name in options}
        return {k: v for k, v in values.items() if v != type(self).model_fields[k].default}

    @model_serializer(mode="wrap")
    def _used(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = dump(self)
        for name, field in type(self).model_fields.items():
            if OPTION in field.metadata and getattr(self, name) == field.default:
                content.pop(name, None)
        return content
