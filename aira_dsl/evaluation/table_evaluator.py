"""An evaluator that looks scores up in a table."""

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.result import Evaluation, SplitName
from aira_dsl.evaluation.table import Table


class TableEvaluator(Evaluator):
    """Looks up, in microseconds, what the evaluator that made a table computed.

    A seed names a column of the table, modulo the number of columns. The score on the test split is
    the mean over the columns.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table.evaluator)
        self.table = table
        self.identity = table.identity
        self._means = dict(zip(table.arrangements, table.means_A.tolist(), strict=True))

    def recall(
        self, architecture: Architecture, seed: int, split: SplitName = "validation"
    ) -> Evaluation:
        """Return the table's entry.

        Raises:
            InputError: E0643, if the table does not hold the architecture.
        """
        layers = self.table.layers_of.get(architecture.fingerprint, architecture.layers)
        found = self.table.evaluation(layers, seed)
        if split == "validation":
            return found
        return found.model_copy(update={"split": split, "score": self._means[layers]})


def table_of(evaluator: Evaluator) -> Table | None:
    """Return the table that an evaluator looks scores up in; None if it computes them."""
    return evaluator.table if isinstance(evaluator, TableEvaluator) else None
