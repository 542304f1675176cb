"""Reading and costing a model of a hundred layers takes little time, and no torch."""

import time

from aira_dsl.architecture import cost
from aira_dsl.interop.gallery import published_model
from aira_dsl.interop.importers import read_content


def test_a_hundred_layers_are_read_and_counted_in_a_fraction_of_a_second():
    config = published_model("qwen3_next_80b_a3b").config
    start = time.process_time()
    model = read_content({**config, "num_hidden_layers": 100}).architecture
    costs = cost(model, context=1 << 17)
    spent = time.process_time() - start
    assert (model.depth, costs.kv_cache_bytes) == (200, 25 * 2 * 2 * 256 * 2)
    assert spent < 0.3
