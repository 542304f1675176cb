"""Tasks of the package that a test can judge: few examples, few steps, and time that never decides.

A machine at a tenth of the speed keeps all limits of time.
"""

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.task import Task, load_task

LIMITS = {"training_seconds": 600.0, "startup_seconds": 600.0, "scoring_seconds": 600.0}
SHORT = 32  # lengths at which growth is measured: none needs much memory
LONG = {"growth_length": 1024}


def small_lra(name: str, *, memory_mib: int = 4096, **changes: object) -> Task:
    """Return a task whose size `cpu` has a few examples and trains for a few steps."""
    task = load_task(name)
    cpu = task.size("cpu")
    few = {"train": 64, "validation": 32, "test": 32}
    settings = {
        **cpu.settings,
        "num_train_steps": 4,
        "growth_length": SHORT,
        "data": {**cpu.settings["data"], **few},
        **changes,
    }
    update = {**LIMITS, "memory_mib": memory_mib, "settings": settings}
    sizes = {"cpu": cpu.model_copy(update=update)}
    return Task(task.folder, task.metadata.model_copy(update={"sizes": sizes}))


_OTHER_STEPS = """

from dataclasses import replace

from aira_dsl.design.harness.lra_settings import LraTraining

fixed = LraTraining.of
LraTraining.of = lambda settings, names: replace(fixed(settings, names), num_train_steps={steps})
"""


def with_steps(candidate: Candidate, steps: int) -> Candidate:
    """Return an encoder whose model.py has the trainer take another number of steps."""
    return Candidate({"model.py": candidate.files["model.py"] + _OTHER_STEPS.format(steps=steps)})


def small_autoresearch() -> Task:
    """Return the task autoresearch whose size `cpu` has little text."""
    task = load_task("autoresearch")
    cpu = task.size("cpu")
    settings = {**cpu.settings, "corpus": "python-reference", "eval_tokens": 16_384}
    update = {**LIMITS, "scoring_seconds": 3000.0, "settings": settings}
    sizes = {"cpu": cpu.model_copy(update=update)}
    return Task(task.folder, task.metadata.model_copy(update={"sizes": sizes}))


def few_steps(script: str, steps: int) -> str:
    """Return a train.py of autoresearch that takes some steps in one thread.

    So other work of the machine changes neither the score nor how much of the processor a step
    takes.
    """
    limited = f"< 1 and steps < {steps}:"
    for old, new in (("+ last_step < 1:", limited), ("threads(2)", "threads(1)")):
        assert old in script
        script = script.replace(old, new)
    return script
