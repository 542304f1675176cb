"""An evaluator that looks things up."""

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.result import Evaluation, SplitName
from aira_dsl.evaluation.table import Table


class TableEvaluator(Evaluator):
    """Answers from a table, in microseconds, as the evaluator that made it would have.

    A seed names a column of the table, beyond its last one it begins anew. The test split is the
    mean over the columns: what is known best about an arrangement.
    """

    def __init__(self, table: Table) -> None:
        super().__init__(table.evaluator)
        self.table = table
        self.identity = table.identity
        self._layers = {
            table.space.architecture(layers).fingerprint: layers for layers in table.arrangements
        }
        self._means = dict(zip(table.arrangements, table.means_A.tolist(), strict=True))

    def recall(
        self, architecture: Architecture, seed: int, split: SplitName = "validation"
    ) -> Evaluation:
        """Return the table's entry.

        Raises:
            InputError: E0643, if the table does not hold the architecture.
        """
        layers = self._layers.get(architecture.fingerprint, architecture.layers)
        found = self.table.evaluation(layers, seed)
        if split == "validation":
            return found
        return found.model_copy(update={"split": split, "score": self._means[layers]})
