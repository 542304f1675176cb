"""Training from settings to a result: one call, the same on one process and on many."""

from contextlib import ExitStack
from pathlib import Path

from aira_dsl.data.tokens.corpus import TokenCorpus
from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.errors import UsageError
from aira_dsl.models.precision import choose_precision
from aira_dsl.pretraining.callbacks import SILENT, Callbacks
from aira_dsl.pretraining.engine import Engine
from aira_dsl.pretraining.export import export
from aira_dsl.pretraining.folder import EXPORT, KIND, RESULT, open_folder, read_result
from aira_dsl.pretraining.processes import Processes, started_processes
from aira_dsl.pretraining.result import Status, TrainResult
from aira_dsl.pretraining.settings import TrainPlan, TrainSettings, identity
from aira_dsl.pretraining.training import Training
from aira_dsl.training.threads import torch_threads
from aira_dsl.utils.files import write_atomically
from aira_dsl.utils.folder import require_place
from aira_dsl.utils.formatting import plural
from aira_dsl.utils.machine import Device


def train(
    settings: TrainSettings,
    out: str | Path,
    *,
    force: bool = False,
    callbacks: Callbacks = SILENT,
) -> TrainResult:
    """Train a model on text; continue where a run folder stands; return what was found before.

    Under torchrun all processes call it and share the work; the number of processes may change
    when a run continues. On one process, threads and machine being equal, a run that was killed and
    continued has the same losses and weights to the last bit as one that was not.

    Args:
        settings: what to train, on what, for how long.
        out: the run folder; made if missing.
        force: replace another training in it.
        callbacks: what to call while it runs; a session that `should_stop` ends has the status
            `stopped`.

    Returns:
        the result, also in `result.json` unless `stopped`; a training whose loss is not finite
        has the status `diverged`.

    Raises:
        ArchitectureError: the text of the architecture breaks the language.
        InputError: E1504 to E1508 for the run folder; E13xx and E14xx for the data.
        UsageError: E1501 to E1503, E1513, E0631, E0632 for settings; E1512, a package is missing.
        RunError: E0501, E0904, E1509, memory or disk do not suffice; E1511, another process died;
            E1514, processes on several machines do not share the folder.
    """
    folder = Path(out)
    with started_processes(settings.device) as processes, ExitStack() as stack:
        stack.enter_context(torch_threads(settings.threads))
        settings, plan = processes.all_do(lambda: _resolved(settings, processes))
        processes.first_does(lambda: require_place(folder, KIND))
        corpus = processes.in_turn(lambda: _corpus(settings, plan, callbacks))

        def opened() -> TrainResult | None:
            known = identity(settings, corpus.identity)
            stack.enter_context(open_folder(folder, known, force=force))
            return read_result(folder)

        ended = processes.first_does(opened)
        if ended is not None:
            return ended
        engine = processes.all_do(lambda: Engine(settings, plan, processes))
        training = Training(engine, corpus, folder, callbacks)
        status, message = training.run()
        if status == "ok":
            for reason in export(engine.model, corpus, folder / EXPORT, processes):
                callbacks.on_trouble(f"there is no export: {reason}")
        result = _result(training, status, message)
        if status != "stopped":
            text = result.model_dump_json(indent=1) + "\n"
            processes.first_does(lambda: write_atomically(folder / RESULT, text))
        return result


def _resolved(settings: TrainSettings, processes: Processes) -> tuple[TrainSettings, TrainPlan]:
    """Return the settings for this machine, and what follows from them."""
    device: Device = "cuda" if processes.device.type == "cuda" else "cpu"
    precision = choose_precision(settings.precision, device)
    plan = TrainPlan.of(settings)
    parts = processes.size * settings.accumulate
    if settings.batch % parts:
        raise UsageError(
            "E1503",
            f"a batch of {plural(settings.batch, 'sequence')} cannot be divided among "
            f"{processes.size} process{'es' * (processes.size > 1)} with "
            f"{plural(settings.accumulate, 'part')} each",
            help=f"give a multiple of {parts} with --batch",
        )
    return settings.model_copy(update={"precision": precision}), plan


def _corpus(settings: TrainSettings, plan: TrainPlan, callbacks: Callbacks) -> TokenCorpus:
    chosen = {name: getattr(settings, name) for name in CorpusOptions.model_fields}
    given = {
        name: value
        for name, value in chosen.items()
        if value != CorpusOptions.model_fields[name].default
    }
    corpus = prepare(settings.data, progress=callbacks.on_reading, **given)
    corpus.require_vocabulary(plan.architecture.vocab)
    return corpus


def _result(training: Training, status: Status, message: str) -> TrainResult:
    position, plan, costs = training.position, training.plan, training.plan.costs
    tokens = position.step * plan.step_tokens
    last = position.curve[-1] if status == "ok" else None
    return TrainResult(
        status=status,
        steps=position.step,
        tokens=tokens,
        flops=plan.flops(position.step),
        flops_per_token=costs.training_flops,
        parameters=costs.parameters,
        embedding_parameters=costs.embedding_parameters,
        loss=position.late_losses / position.late_steps if position.late_steps else None,
        validation_loss=last.loss if last else None,
        bits_per_byte=last.bits_per_byte if last else None,
        curve=tuple(position.curve),
        epochs=position.step * training.settings.batch / training.rows.count,
        seconds=position.seconds,
        overhead_seconds=position.overhead_seconds,
        tokens_per_second=tokens / position.seconds if position.seconds else 0.0,
        ranks=training.processes.size,
        device=training.processes.device.type,
        precision=training.settings.precision,
        fingerprint=plan.architecture.fingerprint,
        corpus=training.corpus.identity,
        message=message,
    )
