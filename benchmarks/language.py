"""What reading costs: CPU seconds for a thousand texts, and for a million arrangements.

python benchmarks/language.py
"""

import time

import numpy as np

from aira_dsl.language import check, parse
from aira_dsl.space import Space

TEXT = """
architecture candidate {{
  width 128
  block A  = attention {{ heads 16, kv_heads 16, rope 10_000 }}
  block M  = mlp       {{ hidden 258, activation relu }}
  block Mb = mamba2    {{ inner 160, state 4, head_dim 32, conv 4 }}
  layers {}
}}
"""


def main() -> None:
    space = Space.default()
    texts = [TEXT.format("-".join(layers)) for layers in space.sample(1000, seed=0)]
    parse(texts[0])  # the parser is built once

    started = time.process_time()
    fingerprints = {parse(text).fingerprint for text in texts if not check(text)}
    print(
        f"1,000 texts checked, parsed, fingerprinted: {time.process_time() - started:.2f} s of CPU"
    )
    assert len(fingerprints) == 1000

    indices = np.random.default_rng(0).integers(space.size, size=1_000_000)
    started = time.process_time()
    digits = space.digits(indices)
    unranked = time.process_time()
    assert (space.indices(digits) == indices).all()
    ranked = time.process_time()
    print(f"1,000,000 arrangements unranked: {unranked - started:.2f} s of CPU")
    print(f"1,000,000 arrangements ranked: {ranked - unranked:.2f} s of CPU")


if __name__ == "__main__":
    main()
