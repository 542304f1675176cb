"""The loop of a training: steps, records, validations, checkpoints."""

import math
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from aira_dsl.data.tokens.corpus import TokenCorpus
from aira_dsl.data.tokens.rows import Rows
from aira_dsl.pretraining.callbacks import Callbacks, TrainProgress
from aira_dsl.pretraining.checkpoints import Checkpoints
from aira_dsl.pretraining.engine import Engine, NotFinite, StepFacts
from aira_dsl.pretraining.folder import CHECKPOINTS
from aira_dsl.pretraining.records import Records
from aira_dsl.pretraining.result import Status, ValidationPoint
from aira_dsl.pretraining.validation import HeldOut

CHECKPOINT_SECONDS = 300.0
LATE = 0.1
"""Fraction of the steps, at the end, whose mean loss is the training loss."""


class Training:
    """A training in its folder, from the last checkpoint to its end.

    Args:
        engine: the model, with the settings.
        corpus: the text.
        out: the run folder.
        callbacks: what to call.
    """

    def __init__(
        self, engine: Engine, corpus: TokenCorpus, out: Path, callbacks: Callbacks
    ) -> None:
        self.settings, self.plan = settings, plan = engine.settings, engine.plan
        self.engine, self.corpus, self.out = engine, corpus, out
        self.callbacks = callbacks
        self.processes = engine.processes
        self.rows = Rows(corpus.train, plan.context, settings.seed, settings.documents)
        self.held_out = HeldOut(
            Rows(corpus.validation, plan.context, documents=settings.documents),
            settings.validation_tokens,
            settings.batch // self.processes.size // settings.accumulate,
        )
        self.checkpoints = Checkpoints(
            out / CHECKPOINTS, engine.model, engine.optimizers, self.processes, callbacks.on_trouble
        )
        self.position = self.checkpoints.restore()
        self._saved_step, self._saved_at = self.position.step, time.monotonic()
        self._begin = replace(self.position)  # of this session
        self._seconds_before = self.position.seconds + self.position.overhead_seconds
        self._began = time.perf_counter()

    def run(self) -> tuple[Status, str]:
        """Train; return the status and, unless `ok`, a sentence that explains it.

        Raises:
            RunError: E0904, E1509, E1514, a file cannot be written; E1511, another process died.
        """
        with ExitStack() as stack:
            records = None
            if self.processes.is_first:
                records = Records(
                    self.out, self.position.step, tensorboard=self.settings.tensorboard
                )
                stack.enter_context(closing(records))
            ended = self._loop(records)
        self._count_overhead()  # with the last checkpoint
        return ended

    def _loop(self, records: Records | None) -> tuple[Status, str]:
        try:
            return self._steps(records)
        except NotFinite as error:
            return "diverged", f"{error}; {_kept(self.checkpoints.latest())}"

    def _steps(self, records: Records | None) -> tuple[Status, str]:
        position = self.position
        while position.step < self.plan.steps:
            facts = self._step()
            self._record(facts, records)
            if self._is_due(self.settings.validate_every) or position.step == self.plan.steps:
                self._validate(records)
            stop, is_time = facts.signals
            if stop or is_time or self._is_due(self.settings.checkpoint_every):
                self._save()
            if stop and position.step < self.plan.steps:
                return "stopped", f"stopped after step {position.step}"
        if self._saved_step != position.step:
            self._save()
        return "ok", ""

    def _step(self) -> StepFacts:
        position, processes = self.position, self.processes
        batch = self.rows.batch(
            position.step, self.settings.batch, rank=processes.rank, ranks=processes.size
        )
        began = time.perf_counter()
        facts = self.engine.step(position.step, batch, *self._signals())
        position.seconds += time.perf_counter() - began
        position.step += 1
        if position.step > math.floor(self.plan.steps * (1 - LATE)):
            position.late_losses += facts.loss
            position.late_steps += 1
        return facts

    def _signals(self) -> tuple[float, float]:
        """Return whether to stop, and whether the first process finds a checkpoint due by time."""
        by_time = self.settings.checkpoint_every is None and self.processes.is_first
        is_time = by_time and time.monotonic() - self._saved_at > CHECKPOINT_SECONDS
        return float(self.callbacks.should_stop()), float(is_time)

    def _is_due(self, every: int | None) -> bool:
        return every is not None and self.position.step % every == 0

    def _record(self, facts: StepFacts, records: Records | None) -> None:
        position, plan = self.position, self.plan
        steps, seconds = position.step - self._begin.step, position.seconds - self._begin.seconds
        speed = steps * plan.step_tokens / seconds
        if records is not None and self._is_due(self.settings.log_every):
            loads = facts.loads or ()
            records.write(
                {
                    "step": position.step,
                    "tokens": position.step * plan.step_tokens,
                    "flops": plan.flops(position.step),
                    "loss": facts.loss,
                    "learning_rate": facts.rate,
                    "gradient_norm": facts.gradient,
                    "tokens_per_second": round(speed, 1),
                    **dict(zip(("expert_load_min", "expert_load_max"), loads, strict=False)),
                }
            )
        last = position.curve[-1] if position.curve else None
        progress = TrainProgress(position.step, plan.steps, facts.loss, speed, last)
        self.callbacks.on_progress(progress)

    def _validate(self, records: Records | None) -> None:
        position, plan = self.position, self.plan
        loss, bits = self.held_out.loss(self.engine.network, self.processes)
        if not math.isfinite(loss):
            raise NotFinite(f"the validation loss is {loss} after step {position.step}")
        point = ValidationPoint(
            step=position.step,
            tokens=position.step * plan.step_tokens,
            flops=plan.flops(position.step),
            loss=loss,
            bits_per_byte=bits,
        )
        position.curve.append(point)
        if records is not None:
            records.write({"step": position.step, "validation_loss": loss, "bits_per_byte": bits})
        self.callbacks.on_validation(point)

    def _save(self) -> None:
        self.engine.require_finite_weights(self.position.step)
        self._count_overhead()
        self.checkpoints.save(self.position)
        self._saved_step, self._saved_at = self.position.step, time.monotonic()

    def _count_overhead(self) -> None:
        """Set the time that did not go into steps, up to now."""
        position = self.position
        whole = self._seconds_before + time.perf_counter() - self._began
        position.overhead_seconds = whole - position.seconds


def _kept(step: int | None) -> str:
    return "there is no checkpoint yet" if step is None else f"the checkpoint of step {step} stays"
