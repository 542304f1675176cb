"""The complete table of a small space: every arrangement evaluated, so that searching is free.

As the NAS-Bench tables did for cells of image networks, for hybrid language-model layers.
"""

from aira_dsl.table.evaluating import TableEvaluator
from aira_dsl.table.making import make_table
from aira_dsl.table.record import Sitting, Table, load_table, read_table

__all__ = ["Sitting", "Table", "TableEvaluator", "load_table", "make_table", "read_table"]
