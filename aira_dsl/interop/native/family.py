"""A class of transformers: which layers it has, and the config.json of an architecture for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.expressible import require_expressible
from aira_dsl.interop.huggingface import special_tokens
from aira_dsl.interop.native.comparison import differences
from aira_dsl.interop.native.outline import Outline, Settings, fitting, misplaced, outline

_SUFFIX = "ForCausalLM"
_ATTENTION = {"attention", "mla"}


@dataclass(frozen=True, slots=True)
class NativeFamily:
    """A class of transformers.

    Attributes:
        model_type: by which transformers and `import` know its configs.
        name: of the class, without `ForCausalLM`.
        settings: returns the settings that are the family's own.
        mixers: kinds of mixers that it has; branches of a parallel layer are joined by `|`.
        feed_forwards: kinds of its feed-forward layers; none if a layer of theirs is one of ours.
        epsilon: key of the epsilon of norms.
        layers: key of the number of layers; None if a list says it.
        fresh: settings of a config without weights, by which fresh ones are drawn.
    """

    model_type: str
    name: str
    settings: Callable[[Outline], Settings]
    mixers: tuple[str, ...] = ("attention",)
    feed_forwards: tuple[str, ...] = ("mlp",)
    epsilon: str = "rms_norm_eps"
    layers: str | None = "num_hidden_layers"
    fresh: Mapping[str, Any] = field(default_factory=dict)

    def unsupported(self, architecture: Architecture) -> list[str]:
        """Return why the class cannot express an architecture; empty if it can.

        The layers that it has are written, read back and compared with what they were.
        """
        from aira_dsl.interop.importers import read_content

        kinds = (self.mixers, self.feed_forwards)
        reasons = misplaced(architecture, self.name, *kinds)
        part = fitting(architecture, *kinds)
        if part is None:
            return reasons
        found = outline(part, self.feed_forwards)
        settings = self._written(found)
        reasons += found.reasons
        try:
            read = read_content(settings, name=architecture.name).architecture
        except InputError as error:
            return [*reasons, f"{self.name} does not read it ({error.message})"]
        return list(dict.fromkeys([*reasons, *differences(part, read, self.name)]))

    def config(self, architecture: Architecture) -> Settings:
        """Return the config.json of an architecture.

        Raises:
            InputError: E0510, the class cannot express it.
        """
        reasons = self.unsupported(architecture)
        require_expressible(self.name, architecture, reasons, "use `aira_dsl.export_hugging_face`")
        return self._written(outline(architecture, self.feed_forwards))

    def notes(self, architecture: Architecture) -> tuple[str, ...]:
        """Return what the architecture does not say and the config does."""
        from aira_dsl.interop.importers import read_content

        read = read_content(self.config(architecture), name=architecture.name)
        return (
            f"max_position_embeddings is the context, {architecture.context:,} tokens",
            *read.notes,
        )

    def _written(self, found: Outline) -> Settings:
        architecture = found.architecture
        layers = {} if self.layers is None else {self.layers: len(found.mixers)}
        return {
            "architectures": [self.name + _SUFFIX],
            "model_type": self.model_type,
            "vocab_size": architecture.vocab,
            "hidden_size": architecture.width,
            **layers,
            "max_position_embeddings": architecture.context,
            "tie_word_embeddings": architecture.tie_embeddings,
            **self.settings(found),
            **self._cache(found),
            self.epsilon: architecture.norm_eps,
            **special_tokens(None),
        }

    def _cache(self, found: Outline) -> Settings:
        """Switch the cache off where a class with attention has no such layer: it fails there."""
        recalls = any(part.recalls for mixer in found.mixers for part in mixer.parts)
        if recalls or not _ATTENTION.intersection(self.mixers):
            return {}
        return {"use_cache": False}
