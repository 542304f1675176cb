"""What a search prints while it runs."""

import io
from dataclasses import replace

from rich.console import Console

from aira_dsl.report.terminal.live import LiveView
from aira_dsl.study.progress import Progress, Trouble
from aira_dsl.study.settings import Limits

LIMITS = Limits(budget=9, seconds=None, workers=1, time_limit=1, memory_limit=1 << 30)


def test_trouble_and_its_end_name_the_service_once():
    text = io.StringIO()
    fine = Progress(0, 0, 0, 0.0, LIMITS)
    away = replace(fine, trouble=Trouble("the model service at http://host", "overloaded"))
    with LiveView(Console(file=text, width=200)) as view:
        for progress in (fine, away, away, fine, fine):
            view.update(progress)
    assert text.getvalue().splitlines() == [
        "waiting for the model service at http://host: overloaded",
        "the model service at http://host is available again",
    ]
