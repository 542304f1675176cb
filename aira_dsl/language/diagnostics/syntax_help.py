"""How each statement is written: the help where something else was found."""

from aira_dsl.architecture import SETTINGS, Design


def _written(setting: str) -> str:
    default = Design.model_fields[setting].default
    return str(default).lower()


HOW = {
    "block": "a block is defined by `block NAME = KIND { … }`",
    "pattern": "a pattern is defined by `pattern NAME = 2A-M`",
    "layer": "layers are overridden by `layer 3, 7-9 { … }`",
    "extends": 'for example `extends "base.arch"`',
    "layers": "for example `layers 5×(2A-M)-A`",
    "mtp": "for example `mtp A-M`",
    "extrapolate": "write `extrapolate stretch` or `extrapolate stack`",
    "slots": "for example `slots 16`",
    "depth": "for example `depth 16`",
    "parameters": "for example `parameters 1_000_000_000`",
    **{name: f"for example `{name} {_written(name)}`" for name in SETTINGS},
    "header": "a section is written `architecture NAME { … }`",
    "parameter": "parameters are written `name value`, separated by `,` or a line end",
}
"""The form of a statement, or of a part of one."""
