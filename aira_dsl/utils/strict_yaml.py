"""YAML of files that people write: a key that stands twice is refused, and not overwritten."""

from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge `<<` into a mapping, whose own keys must differ."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in lines:
                raise yaml.YAMLError(f"`{name}` twice, in lines {lines[name]} and {line}")
            lines[name] = line
        super().flatten_mapping(node)


def parse_yaml(text: str) -> Any:
    """Return the content of a text in YAML.

    Raises:
        ValueError: it is not YAML, in which a key stands once; the message is one line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date, for example
        raise ValueError(f"not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ValueError("not YAML: nested too deeply") from None
