"""One HTML page that shows all of a run, or of a comparison; nothing is fetched.

`run_facts` and its neighbours turn a run into numbers, `chart` turns numbers into places on paper,
and the templates write both down. No Python here writes markup: every text passes the templates'
escaping, because hypotheses and messages are written by language models.
"""

from aira_dsl.report.html.files import Report, report_of, write_report
from aira_dsl.report.html.rendering import (
    render_comparison,
    render_design,
    render_design_comparison,
    render_run,
)

__all__ = [
    "Report",
    "render_comparison",
    "render_design",
    "render_design_comparison",
    "render_run",
    "report_of",
    "write_report",
]
