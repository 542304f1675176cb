"""What is written -> what it means: values checked, blocks built, patterns expanded, scales sized.

Nothing is reported that follows from something already reported: what is wrong stays present but
unknown, and a block that is wrong in the architecture is not looked at again in its scales.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lark import Token

from aira_dsl.architecture import Design, Scale
from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.suggest import suggestion
from aira_dsl.language.semantics.blocks import Spec, read_block
from aira_dsl.language.semantics.choices import span_choices
from aira_dsl.language.semantics.declarations import File, Recipe, Written
from aira_dsl.language.semantics.overrides import Derived, override
from aira_dsl.language.semantics.patterns import Names, resolve
from aira_dsl.language.semantics.values import respelt, scalar, setting
from aira_dsl.language.syntax.tree import Statement, end_of, only_word, start_of
from aira_dsl.language.vocabulary import LAYERS, MTP, PATTERNS
from aira_dsl.primitives.parallel.spec import AGREED, branches_of

_UNREAD = {*PATTERNS, "extends"}
"""Statements whose value is not one word or number."""

_NEEDED = {"architecture": (LAYERS, "5×(2A-M)-A"), "space": ("slots", "16")}


@dataclass
class Meaning:
    """What a section says; only complete if nothing was reported.

    Attributes:
        kind: `architecture`, `space` or `scale`.
        name: the section's name, or None.
        settings: what the text sets, by name.
        blocks: resolved specs in the order of the text; None for a block that is wrong.
        layers: the expanded pattern.
        mtp: that of multi-token prediction.
        slots: the number of slots of a space.
        depth: the number of layers that the text claims.
        extrapolate, parameters: how a scale grows, and to what size.
        scales: the sizes of an architecture or a space, by name.
    """

    kind: str
    name: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    blocks: dict[str, Spec] = field(default_factory=dict)
    layers: tuple[str, ...] | None = None
    mtp: tuple[str, ...] = ()
    slots: int | None = None
    depth: int | None = None
    extrapolate: Literal["stretch", "stack"] | None = None
    parameters: int | None = None
    scales: dict[str, "Meaning"] = field(default_factory=dict)

    def scale(self) -> Scale:
        """Return the scale that this section describes."""
        return Scale(
            **self.settings,
            blocks=self.blocks,
            layers=self.layers,
            extrapolate=self.extrapolate,
            parameters=self.parameters,
        )


def analyze(file: File, sink: Sink, *, complete: bool) -> Meaning:
    """Report everything that is wrong, and return the rest.

    Args:
        file: the sections, with what they inherit.
        sink: receives the diagnostics.
        complete: whether all of the text could be read, so that what seems missing is.
    """
    main = _Reader(file.main, sink).run()
    if complete:
        _check_missing(file.main, sink)
    for name, scale in file.scales.items():
        meaning = _Reader(_resting(scale, file.main, main), sink).run().meaning
        _check_scale(scale, meaning, main.meaning, sink)
        main.meaning.scales[name] = meaning
    return main.meaning


def _resting(scale: Written, main: Written, read: "_Reader") -> Written:
    """Put a scale on top of its architecture, without what is already known to be wrong."""
    broken = {name for name, block in read.meaning.blocks.items() if block is None}
    sound = {name: recipe for name, recipe in main.blocks.items() if name not in broken}
    merged = scale.over(replace(main, blocks=sound, overrides=()))
    merged.changes = {k: each for k, each in merged.changes.items() if k not in broken}
    for name, derived in read.derived.items():
        if name in broken:
            continue
        recipe = derived.recipe(merged.blocks)
        for change in merged.changes.pop(name, ()):
            recipe = recipe.changed(change.parameters)
        merged.blocks[name] = recipe
    merged.lost |= broken
    return merged


class _Reader:
    """Reads one section: settings first, then blocks (they need the width), then layers."""

    def __init__(self, written: Written, sink: Sink) -> None:
        self.written = written
        self.sink = sink
        self.meaning = Meaning(written.kind, written.name and str(written.name))
        self.derived: dict[str, Derived] = {}  # blocks of layers that are overridden

    def run(self) -> "_Reader":
        self._read_settings()
        self._check_changes()
        if self.written.kind == "space":
            span_choices(self.written, self.sink)
        for name, recipe in self.written.blocks.items():
            self.meaning.blocks[name] = self._block(recipe)
        self._read_layers()
        return self

    def _read_settings(self) -> None:
        for key, item in self.written.settings.items():
            if key in _UNREAD:
                continue
            value = self._single(item)
            if value is None:
                continue
            checked, rule = setting(key, scalar(value))
            if rule is not None:
                message = f"`{key}` {rule.text}, not {quoted(value)}"
                self._at(value, "E0210", message, rule.respelt(key, str(value)))
                self.written.poisoned.add(key)
            elif key in {"slots", "depth", "extrapolate", "parameters"}:
                setattr(self.meaning, key, checked)
            else:
                self.meaning.settings[key] = checked

    def _single(self, item: Statement) -> Token | None:
        """Return the one word or number of a setting, or report and return None."""
        if isinstance(item.value, Token):
            value: Token | None = item.value
            start = start_of(item.value)
        else:
            value, start = only_word(item.value), item.value[0].start
        if value is not None and value.type != "STRING":
            return value
        written = self.sink.whole[start : item.end]
        message = f"`{item.key}` takes one value, not {quoted(written)}"
        hint = respelt(str(item.key), written)
        if value is not None:
            message = f"`{item.key}` takes a word or a number, not {quoted(written)}"
            hint = Hint("words and numbers are written without quotes", written.strip('"') or None)
        self.sink.add("E0210", start, item.end, message, hint)
        self.written.poisoned.add(str(item.key))
        return None

    def _check_changes(self) -> None:
        for name, (change, *_) in self.written.changes.items():
            if name in self.written.lost or self.written.any_name:
                continue
            # A section changes what it inherits, not what it defines itself.
            own = 0 if self.written.kind == "scale" else len(self.sink.text)
            known = [k for k, each in self.written.blocks.items() if start_of(each.name) >= own]
            hint = suggestion(name, known, "blocks") if known else None
            if hint is None or hint.fix is None:
                example = (
                    f"{name}: {{kind: KIND}}" if self.sink.yaml else f"block {name} = KIND {{ … }}"
                )
                hint = Hint(f"define it by `{example}`")
            message = f"block {quoted(name)} is changed, but nowhere defined"
            self._at(change.name, "E0222", message, hint)
            self.written.lost.add(name)

    def _block(self, recipe: Recipe) -> Spec:
        width = self.meaning.settings.get("width", Design.model_fields["width"].default)
        if "width" in self.written.poisoned:
            width = None
        given = self.written.settings.get("width")
        span = self.written.span
        if self.written.kind != "scale":
            span = 0, len(self.sink.text)
        return read_block(recipe, width, given and self._width(given), span, self.sink)

    def _width(self, given: Statement) -> Token | None:
        return given.value if isinstance(given.value, Token) else None

    def _read_layers(self) -> None:
        self.meaning.layers = self._pattern(LAYERS)
        self.meaning.mtp = self._pattern(MTP) or ()
        if self.written.overrides and self.meaning.layers is not None:
            self._override()

    def _pattern(self, key: str) -> tuple[str, ...] | None:
        """Expand the pattern of a statement; None if it is missing or wrong."""
        item = self.written.settings.get(key)
        if item is None:
            return None
        if isinstance(item.value, Token):
            message = f"`{key}` takes a pattern, not {quoted(item.value)}"
            hint = Hint(f"for example `{key} 5×(2A-M)-A`")
            if item.value.type == "STRING":
                hint = Hint("patterns are written without quotes", item.value[1:-1] or None)
            self._at(item.value, "E0210", message, hint)
            return None
        layers = resolve(item.value, self._names(), self.sink)
        self._check_parallel(item, layers or ())
        return layers

    def _check_parallel(self, item: Statement, layers: tuple[str, ...]) -> None:
        """Report parallel layers whose blocks do not fit together."""
        for layer in dict.fromkeys(layers):
            blocks = [self.meaning.blocks.get(name) for name in branches_of(layer)]
            for key in AGREED:
                if len({getattr(block, key) for block in blocks if block is not None}) > 1:
                    message = f"the blocks of ({layer}) differ in `{key}`"
                    help_text = f"a parallel layer is one layer: give them the same `{key}`"
                    start, end = start_of(item.key), end_of(item.key)
                    self.sink.add("E0226", start, end, message, help_text)

    def _names(self) -> Names:
        written = self.written
        blocks = [*written.blocks, *sorted(written.lost)]
        unknown = written.any_name or not blocks  # no block at all is reported as such
        return Names(blocks, written.patterns, any_name=unknown)

    def _override(self) -> None:
        """Give layers that are overridden blocks of their own, named after them."""
        layers = self.meaning.layers
        assert layers is not None
        sound = {
            name: recipe
            for name, recipe in self.written.blocks.items()
            if self.meaning.blocks[name] is not None
        }
        found = override(layers, sound, self.written.overrides, self.sink)
        self.derived, self.meaning.layers = found.derived, found.layers
        for name, derived in found.derived.items():
            self.meaning.blocks[name] = self._block(derived.recipe(self.written.blocks))

    def _at(self, token: Token, code: str, message: str, help_text: Any) -> None:
        self.sink.add(code, start_of(token), end_of(token), message, help_text)


def _check_missing(written: Written, sink: Sink) -> None:
    if written.kind not in _NEEDED:
        return
    needed, example = _NEEDED[written.kind]
    word = written.word
    start, end = start_of(word), end_of(written.name or word)
    if not (written.blocks or written.lost or written.any_name):
        block = "blocks: {A: attention}" if sink.yaml else "block A = attention { heads 16 }"
        help_text = f"for example `{block}`"
        sink.add("E0209", start, end, "no block is defined", help_text)
    example = f"{needed}: {example}" if sink.yaml else f"{needed} {example}"
    if needed not in written.settings and needed not in written.poisoned:
        sink.add("E0209", start, end, f"`{needed}` is missing", f"for example `{example}`")


def _check_scale(written: Written, meaning: Meaning, main: Meaning, sink: Sink) -> None:
    """Check that a scale has one way to its layers, and that the way leads somewhere."""
    given = written.settings
    contradiction = _contradiction(written)
    if contradiction is not None:
        key, message, help_text = contradiction
        at = given[key].key
        sink.add("E0218", start_of(at), end_of(at), message, help_text)
        return
    layers = main.layers
    if sink or meaning.extrapolate is None or layers is None:
        return
    try:
        meaning.scale().layers_from(layers)
    except ValueError as error:
        at = given["extrapolate"].key
        help_text = "change `parameters` or the dimensions, or give `layers`"
        start, end = start_of(at), given["extrapolate"].end
        sink.add("E0223", start, end, f"no pattern reaches this scale: {error}", help_text)


def _contradiction(written: Written) -> tuple[str, str, str] | None:
    given = set(written.settings) | written.poisoned
    if LAYERS in given and "extrapolate" in written.settings:
        message = "this scale has `layers`, and extrapolates them as well"
        return "extrapolate", message, "delete one of them"
    if "extrapolate" in written.settings and "parameters" not in given:
        message = "`extrapolate` needs the size to reach"
        return "extrapolate", message, "add `parameters 1_000_000_000`, for example"
    if "parameters" in written.settings and "extrapolate" not in given:
        message = "`parameters` is the size to extrapolate to, and nothing is extrapolated"
        return "parameters", message, "add `extrapolate stretch` or `extrapolate stack`"
    return None
