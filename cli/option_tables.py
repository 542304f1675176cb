"""The page docs/options.md, made from the option models: `python -m aira_dsl.cli.option_tables`."""

from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.design.options import DesignOptions
from aira_dsl.evaluation.accuracy.options import EvaluateOptions, QuestionOptions
from aira_dsl.evaluation.latency.options import MeasurementOptions, WorkloadOptions
from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedDesignOptions,
    ComparedOptions,
    ExecutionOptions,
)
from aira_dsl.pretraining.options import TrainOptions
from aira_dsl.study.options import SearchOptions
from aira_dsl.utils.documented import attribute_docstrings
from aira_dsl.utils.options import Options, spelling

_HEAD = """\
# Options

Made from the option models by `python -m aira_dsl.cli.option_tables > docs/options.md`. The models
are in `options.py` of `aira_dsl/study`, `aira_dsl/design`, `aira_dsl/experiments/comparison`,
`aira_dsl/evaluation/latency`, `aira_dsl/evaluation/accuracy`, `aira_dsl/pretraining` and
`aira_dsl/data/tokens`.
Keywords are the arguments of `aira_dsl.search` and the fields of the models. An option without a
default is left out, or decided from the others.
"""


def page() -> str:
    """Return the text of docs/options.md."""
    groups = [base for base in reversed(SearchOptions.__bases__) if issubclass(base, Options)]
    tables = [("aira-dsl search", group) for group in groups]
    compared = (ComparedOptions, ComparedAgentOptions, ComparedDesignOptions, ExecutionOptions)
    tables += [("aira-dsl compare", group) for group in compared]
    design = [base for base in reversed(DesignOptions.__bases__) if base not in groups]
    tables += [("aira-dsl design run", group) for group in design]
    tables += [("aira-dsl latency", group) for group in (WorkloadOptions, MeasurementOptions)]
    training = [base for base in reversed(TrainOptions.__bases__) if issubclass(base, Options)]
    tables += [("aira-dsl train", group) for group in training]
    tables.append(("aira-dsl data prepare", CorpusOptions))
    tables += [("aira-dsl evaluate", EvaluateOptions), ("aira-dsl questions", QuestionOptions)]
    return "\n".join([_HEAD, *(_table(command, group) for command, group in tables)])


def _table(command: str, group: type[Options]) -> str:
    title = (group.__doc__ or "").strip(".")
    rows = [f"## `{command}`: {title}", "", "| option | keyword | default | meaning |"]
    rows.append("| --- | --- | --- | --- |")
    texts = attribute_docstrings(group)
    for name, field in group.model_fields.items():
        fixed = type(field.default) in (str, int, float)
        default = f"`{field.default}`" if fixed else ""
        rows.append(f"| `{spelling(name, field)}` | `{name}` | {default} | {texts[name]} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
