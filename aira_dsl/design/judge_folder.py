"""Judges a folder that somebody wrote, without an agent."""

from contextlib import closing
from pathlib import Path

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.gpus import check_gpus
from aira_dsl.design.judgement import Judgement
from aira_dsl.design.options import JudgeOptions
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import load_task
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import run_all
from aira_dsl.sandbox.kinds import choose


def judge_folder(
    task: str | Path, folder: str | Path, options: JudgeOptions, *, seed: int = 0
) -> Judgement:
    """Return what the judge of a task says about a folder, on the validation split.

    Args:
        task: name or folder of the task.
        folder: the files of the candidate.
        options: size, sandbox and data.
        seed: of the training.

    Raises:
        InputError: E1206, the description has a placeholder without a value; E1207, the folder is
            not a candidate.
        UsageError: E0632, the machine lacks a GPU that the size needs.
        AiraError: the task, its data or the sandbox cannot be used.
        RunError: E1212, the judge itself failed.
    """
    loaded = load_task(task)
    size = loaded.size_name(options.size)
    loaded.description(size)
    check_gpus(loaded, size)
    request = JudgeRequest(
        task=loaded,
        size=size,
        candidate=Candidate.read(Path(folder)),
        data=prepare_data(loaded, size, seed=options.data_seed, root=options.data),
        kind=choose(options.sandbox),
        seed=seed,
    )
    with closing(LocalPool(1)) as pool:
        (outcome,) = run_all([request.job()], pool)
    return Judgement.model_validate(outcome.result("E1212", "the judge"))
