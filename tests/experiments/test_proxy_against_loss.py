"""The page about the proxy says what the shipped losses say."""

import re
from pathlib import Path

import numpy as np

from benchmarks.proxy_against_loss import Arrangement, proxies, report

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


def test_the_correlations_of_the_page_are_those_of_the_shipped_losses(capsys):
    report(RESULTS / "proxy_against_loss.csv", RESULTS / "smaller_models.csv")
    first, _, _ = capsys.readouterr().out.partition("table:")
    _, _, rows = first.partition("its better half\n")
    page = (ROOT / "docs" / "proxy.md").read_text(encoding="utf-8")
    correlations = [re.split(" {2,}", line.strip())[1:] for line in rows.splitlines()]
    assert len(correlations) == 7
    assert [pair for pair in correlations if f"| {pair[0]} | {pair[1]} |" not in page] == []


def test_a_mixture_is_the_mean_of_the_ranks():
    done = [
        Arrangement("calibration", (name,), {"score": score})
        for name, score in (("A", 0.9), ("M", 0.1), ("Mb", 0.5))
    ]
    losses = {each.name: [loss] for each, loss in zip(done, (2.0, 1.0, 3.0), strict=True)}
    found = proxies(done, losses)
    assert found["mean of the ranks of both"].tolist() == [2.5, 2.0, 1.5]
    assert np.array_equal(found["smaller language models"], [-2.0, -1.0, -3.0])
    assert "mean of the ranks of both" not in proxies(done, {})
