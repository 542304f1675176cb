"""Broken and cheating candidates of the test task `words`, each with the verdict that it must get.

All of them are small variations of one honest script. `{data}` in a text stands for the folder of
the prepared data.
"""

from tests.design.cases.answers import CAUSALITY, LOGITS
from tests.design.cases.ends import ENDS
from tests.design.cases.script import Case, script
from tests.design.cases.tampering import TAMPERING
from tests.design.cases.weights import AFTER_THE_CLOCK, WEIGHTS

__all__ = ["CASES", "Case", "script"]

CASES = [*LOGITS, *CAUSALITY, *TAMPERING, *WEIGHTS, *AFTER_THE_CLOCK, *ENDS]
