"""Folders of files keep the contract of domains."""

from pathlib import Path

from aira_dsl.design.code_agent.candidates import CodeCandidates
from aira_dsl.design.code_agent.domain import CodeDomain
from aira_dsl.design.code_agent.prompt_writer import PromptWriter, load_templates
from aira_dsl.design.task import load_task
from aira_dsl.testing.domains import DomainContract

TASK = load_task(Path(__file__).parent / "tasks/words")
PROMPTS = PromptWriter(load_templates(), TASK, "tiny", TASK.start, (), None, memory=10, seed=0)


class TestCode(DomainContract):
    domain = CodeDomain(PROMPTS)
    candidates = CodeCandidates(TASK.start)
    answers = (
        '<hypothesis>h</hypothesis>\n<file path="train.py">\nprint(1)\n</file>',
        'Here:\n\n<file path="train.py">\nif True:\n\tprint("ü\\n")\n</file>\nDone.',
    )
    unusable = ("", "prose", '<file path="../train.py">\n1\n</file>')
