"""The exports that are one text."""

import json
from typing import Literal

from aira_dsl.architecture import Architecture

Text = Literal["json", "yaml", "arch", "python", "megatron", "olmo"]


def as_text(architecture: Architecture, emit: str) -> str:
    """Return an architecture in one of the forms of `Text`, with a line end at its end.

    Raises:
        InputError: E0510, the form can not express it.
    """
    match emit:
        case "arch":
            from aira_dsl.language import to_text

            return to_text(architecture)
        case "yaml":
            from aira_dsl.language import to_yaml

            return to_yaml(architecture)
        case "python":
            from aira_dsl.interop.standalone.python import to_python

            return to_python(architecture)
        case "megatron":
            from aira_dsl.interop.families.megatron import to_megatron

            return to_megatron(architecture)
        case "olmo":
            from aira_dsl.interop.families.olmo import to_olmo

            return json.dumps(to_olmo(architecture), indent=2) + "\n"
    assert emit == "json", emit
    from aira_dsl.architecture.record import as_json

    return json.dumps(as_json(architecture), indent=2) + "\n"
