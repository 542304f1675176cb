"""A pool of jobs on the nodes of a Ray cluster.

Each place of the pool is an actor (`ray_actor.JobActor`) for which Ray finds a node with the CPUs,
GPUs and memory of a job. One call to an actor is in flight at a time: it returns an intermediate
result, which the driver answers by the next call, or the outcome.

When an actor is lost with its node, the job starts again in another one, where Ray finds a place.
An outcome counts once: the answer of a lost actor never arrives.
"""

import contextlib
import os
import time
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from aira_dsl.errors import RunError
from aira_dsl.jobs.cluster import Cluster, connect
from aira_dsl.jobs.limits import secrets
from aira_dsl.jobs.pool import Failure, Job, Outcome, ShouldContinue
from aira_dsl.jobs.ray_actor import Hello, JobActor, Message, Report, installed

MAX_LOSSES = 10
"""So many actors may be lost with one job: it may be the job that ends them."""

_STOP_SECONDS = 5.0  # that an actor gets to end a process without a grace period
_NOT_CREATED = "error raised in its creation task"  # the words of Ray: a node lacks a package


class RayPool:
    """A fixed number of places for jobs; each gets a node with its first job.

    Args:
        processes: number of jobs at a time. Those for which the cluster has no room yet wait.
        address: of the cluster, see `cluster.connect`.

    Raises:
        UsageError: E1901, Ray is not installed; E1902, there is no such cluster.
    """

    def __init__(self, processes: int, address: str = "auto") -> None:
        connect(address)
        self._cluster = Cluster()
        self._places = [_Place() for _ in range(processes)]
        self._refused: list[Outcome] = []

    @property
    def free(self) -> int:
        """Number of jobs that can be submitted now."""
        return sum(place.task is None for place in self._places) - len(self._refused)

    @property
    def running(self) -> list[int]:
        """Tags of the jobs that were submitted and not yet collected."""
        tags = [place.task.tag for place in self._places if place.task is not None]
        return tags + [outcome.tag for outcome in self._refused]

    def submit(self, tag: int, job: Job, *, should_continue: ShouldContinue | None = None) -> None:
        """Start a job, in an actor that already serves its kind if one is idle."""
        if (reason := self._cluster.obstacle(job.needs)) is not None:
            self._refused.append(Outcome(tag, failure=_not_started("E1904", reason)))
            return
        kind = _Kind.of(job)
        idle = [place for place in self._places if place.task is None]
        best = min(idle, key=lambda place: (place.kind != kind, place.kind is not None))
        if best.kind != kind:
            best.kill()
        best.give(_Task(tag, job, should_continue))

    def collect(self, timeout: float) -> list[Outcome]:
        """Wait until something happens, at most `timeout` seconds; return the jobs that ended."""
        outcomes, self._refused = self._refused, []
        busy = {place.awaited: place for place in self._places if place.task is not None}
        if busy:
            ray.wait(list(busy), timeout=0 if outcomes else timeout)
            ready, _ = ray.wait(list(busy), num_returns=len(busy), timeout=0)
            found = [busy[each].advance() for each in ready]
            outcomes += [outcome for outcome in found if outcome is not None]
        elif not outcomes:
            time.sleep(timeout)
        self._move_waiting_jobs()
        return outcomes

    def _move_waiting_jobs(self) -> None:
        """Give jobs that wait for a node what idle actors hold."""
        for place in self._places:
            if place.task is None or place.is_ready:
                continue
            idle = [each for each in self._places if each.task is None and each.is_ready]
            if same := [each for each in idle if each.kind == place.kind]:
                task = place.task
                place.kill()
                same[0].give(task)
            else:
                for each in idle:
                    each.kill()

    def close(self) -> None:
        """End every process; those with a grace period may end by themselves, all at a time."""
        grace = max((place.grace for place in self._places), default=0.0)
        stopping = [place.stop() for place in self._places if place.is_ready]
        if stopping:
            with contextlib.suppress(RayError):
                ray.wait(stopping, num_returns=len(stopping), timeout=grace + _STOP_SECONDS)
        for place in self._places:
            place.kill()


@dataclass(frozen=True)
class _Task:
    """A job in flight."""

    tag: int
    job: Job
    should_continue: ShouldContinue | None
    losses: int = 0


@dataclass(frozen=True)
class _Kind:
    """What an actor is started for; it serves any job of the same kind."""

    cpus: int
    gpus: int
    memory: int
    trusted: bool

    @classmethod
    def of(cls, job: Job) -> "_Kind":
        return cls(job.needs.cpus, job.needs.gpus, job.needs.node_memory, job.trusted)


class _Place:
    """One place in the pool: an actor, if there is one, and its job, if it has one.

    Attributes:
        awaited: the answer to the call in flight.
        is_ready: whether a node has taken the actor.
    """

    def __init__(self) -> None:
        self.task: _Task | None = None
        self.kind: _Kind | None = None
        self.awaited: Any = None
        self.is_ready = False
        self._actor: Any = None

    @property
    def grace(self) -> float:
        return self.task.job.needs.grace if self.task is not None else 0.0

    def give(self, task: _Task) -> None:
        """Start a job, in a new actor if there is none of its kind."""
        self.task = task
        if self._actor is None:
            self._start(_Kind.of(task.job))
        else:
            self._run()

    def advance(self) -> Outcome | None:
        """Handle the answer that has arrived; return the outcome if the job ended."""
        try:
            message: Message = ray.get(self.awaited)
        except RayActorError as error:
            return self._lost(error)
        return self._handle(message)

    def stop(self) -> Any:
        """Ask the actor to end its process; return what is there when it did."""
        return self._actor.stop.remote()

    def kill(self) -> None:
        """End the actor, if there is one, and with it its process."""
        if self._actor is not None:
            with contextlib.suppress(RayError):
                ray.kill(self._actor)
        self._actor, self.kind, self.task, self.awaited = None, None, None, None
        self.is_ready = False

    def _start(self, kind: _Kind) -> None:
        self.kind = kind
        options: dict[str, Any] = {"memory": kind.memory} if kind.memory else {}
        actor = ray.remote(JobActor).options(
            num_cpus=kind.cpus,
            num_gpus=kind.gpus,
            max_concurrency=2,  # `stop` beside another method
            scheduling_strategy="SPREAD",  # jobs of one node share its memory bandwidth
            **options,
        )
        self._actor = actor.remote(secrets(os.environ) if kind.trusted else {}, os.getcwd())
        self.awaited = self._actor.hello.remote()

    def _run(self) -> None:
        assert self.task is not None
        reports = self.task.should_continue is not None
        self.awaited = self._actor.start.remote(self.task.job, reports)

    def _handle(self, message: Message) -> Outcome | None:
        assert self.task is not None
        match message:
            case Hello(node, there):
                if there != installed():
                    return self._end(_not_started("E1903", _differs(node, there)), kill=True)
                self.is_ready = True
                self._run()
            case Report(value):
                assert self.task.should_continue is not None
                self.awaited = self._actor.answer.remote(self.task.should_continue(value))
            case Outcome():
                return self._end(message.failure, value=message.value)
        return None

    def _end(self, failure: Failure | None, *, value: Any = None, kill: bool = False) -> Outcome:
        """Free this place."""
        assert self.task is not None
        tag, self.task = self.task.tag, None
        if kill:
            self.kill()
        return Outcome(tag, value, failure)

    def _lost(self, error: RayActorError) -> Outcome | None:
        """Start the job again elsewhere."""
        task, lines = self.task, str(error).strip().splitlines()
        assert task is not None
        self.kill()
        if _NOT_CREATED in lines[0]:
            message = f"a node cannot start a process of aira-dsl: {lines[-1].strip()}"
            return Outcome(task.tag, failure=_not_started("E1903", message))
        if task.losses + 1 < MAX_LOSSES:
            self.give(replace(task, losses=task.losses + 1))
            return None
        message = f"{MAX_LOSSES} nodes or actors were lost with it: {lines[0]}"
        return Outcome(task.tag, failure=Failure("crashed", message))


def _not_started(code: str, message: str) -> Failure:
    return Failure("not started", message, RunError(code, message, help=_HELP[code]))


_HELP = {
    "E1903": "install the same version on every node of the cluster (docs/clusters.md)",
    "E1904": "ask for less, or add such a node to the cluster",
}


def _differs(node: str, there: str) -> str:
    return f"the node {node} has {there}, this machine has {installed()}"
