"""One HTML page that says all there is to say of a search: nothing is fetched, nothing is hidden.

`facts` and its neighbours turn a run into numbers, `chart` turns numbers into places on paper, and
the templates write both down. No Python here writes markup: every text passes the templates'
escaping, because hypotheses and messages are written by language models.
"""

from aira_dsl.report.page.facts import facts_json
from aira_dsl.report.page.rendering import render_run

__all__ = ["facts_json", "render_run"]
