"""A task: a folder with what is measured, what a candidate is, and how it is judged.

    metadata.yaml    name, metric, limits, baselines (`aira_dsl.design.metadata`)
    description.md   what agents and people read; {{ placeholders }} come from the metadata
    prepare.py       prepare(size, data): writes data/train, data/validation and data/test
    judge.py         judge(session): runs the candidate through the session and returns a Score
    harness.py       train(judge), serve(judge), …: the candidate's side; runs in the sandbox
    start/           files that a new candidate starts with
    baselines/NAME/  candidates that come with the task

prepare.py and judge.py are trusted: to judge by a task is to run its code.
"""

import hashlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment
from pydantic import ValidationError

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.metadata import Baseline, Metadata, Size
from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.strict_yaml import parse_yaml

TASKS = Path(__file__).parent / "tasks"
"""Folder of the tasks that come with the package."""

METADATA, DESCRIPTION = "metadata.yaml", "description.md"
PREPARE, JUDGE, HARNESS = "prepare.py", "judge.py", "harness.py"
START, BASELINES = "start", "baselines"
_FILES = (METADATA, DESCRIPTION, PREPARE, JUDGE, HARNESS)


@dataclass(frozen=True)
class Task:
    """A task folder that has all its parts.

    Attributes:
        folder: where it is.
        metadata: what it says about itself.
    """

    folder: Path
    metadata: Metadata

    @property
    def name(self) -> str:
        """Name of the task."""
        return self.metadata.name

    def size(self, name: str | None = None) -> Size:
        """Return a size by its name; the default one for None.

        Raises:
            UsageError: E1204, there is none of this name.
        """
        sizes = self.metadata.sizes
        if name is None:
            return next(iter(sizes.values()))
        if name not in sizes:
            raise UsageError(
                "E1204",
                f"the task {self.name} has no size {name!r}",
                help=f"its sizes are {', '.join(sizes)}",
            )
        return sizes[name]

    def size_name(self, name: str | None) -> str:
        """Return the name of a size after checking it; that of the default one for None.

        Raises:
            UsageError: E1204, there is none of this name.
        """
        self.size(name)
        return name or next(iter(self.metadata.sizes))

    @cached_property
    def identity(self) -> str:
        """Twelve hexadecimal digits: of all that decides what a candidate is and how it scores."""
        decides = self.metadata.model_dump(
            mode="json", exclude={"title", "baselines", "baselines_of", "sources"}
        )
        texts = [_text(self.folder / name) for name in _FILES[1:]]
        joined = "\0".join([json.dumps(decides, sort_keys=True), *texts, self.start.identity])
        return hashlib.sha256(joined.encode("utf-8", "surrogateescape")).hexdigest()[:12]

    def measured(self, candidate: Candidate, size: str) -> Baseline | None:
        """Return what was measured of a candidate at a size, if it is a baseline."""
        for name, baseline in self.baselines().items():
            if baseline.identity == candidate.identity:
                return self.metadata.baselines.get(name, {}).get(size)
        return None

    def starting(self, name_or_folder: str | None) -> Candidate:
        """Return the files that candidates of a run start with.

        Args:
            name_or_folder: name of a baseline, or a folder; None for those of the task.

        Raises:
            InputError: E1207, the folder is not a candidate; E1214, a file is missing in it.
        """
        if name_or_folder is None:
            return self.start
        if name_or_folder in (baselines := self.baselines()):
            return baselines[name_or_folder]
        candidate = Candidate.read(Path(name_or_folder))
        for file in self.metadata.candidate.files:
            if file not in candidate.files:
                raise InputError(
                    "E1214",
                    f"{name_or_folder} has no {file}, which candidates of {self.name} must have",
                    help=f"the task's baselines are {', '.join(baselines) or 'none'}",
                )
        return candidate

    def description(self, size: str | None = None) -> str:
        """Return the description for one size, with its placeholders filled.

        Names in it are those of the metadata, those of the size, and those of its settings.

        Raises:
            InputError: E1206, a placeholder has no value; the message has the line.
            UsageError: E1204, there is no size of this name.
        """
        chosen = self.size(size)
        names = {**self.metadata.model_dump(mode="json"), **chosen.model_dump(mode="json")}
        environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
        path = self.folder / DESCRIPTION
        try:
            text = path.read_text(encoding="utf-8")
            return environment.from_string(text).render({**names, **chosen.settings})
        except TemplateError as error:
            raise InputError("E1206", f"{path}{_line(error)}: {error.message}") from None
        except (ArithmeticError, TypeError, ValueError) as error:  # of an expression, or not UTF-8
            what = f"{type(error).__name__}: {error}"
            raise InputError("E1206", f"{path}{_line(error)}: {what}") from None

    @cached_property
    def start(self) -> Candidate:
        """Files that a new candidate starts with."""
        return Candidate.read(self.folder / START)

    def baselines(self) -> dict[str, Candidate]:
        """Return the candidates that come with the task, by name."""
        shared = self.metadata.baselines_of
        folders = [TASKS / shared / BASELINES] if shared else []
        places = [
            place
            for folder in (*folders, self.folder / BASELINES)
            if folder.is_dir()
            for place in sorted(folder.iterdir())
        ]
        return {place.name: Candidate.read(place) for place in places if place.is_dir()}

    def function(self, file: str, name: str) -> Callable[..., Any]:
        """Import a trusted file of the task and return one of its functions.

        Raises:
            InputError: E1205, the file cannot be imported or does not define it.
        """
        module = self.module(file)
        function = getattr(module, name, None)
        if not callable(function):
            raise InputError("E1205", f"{self.folder / file} defines no function {name}")
        found: Callable[..., Any] = function
        return found

    def module(self, file: str) -> ModuleType:
        """Import a trusted file of the task.

        Raises:
            InputError: E1205, it cannot be imported.
        """
        path = self.folder / file
        spec = importlib.util.spec_from_file_location(f"aira_task_{self.name}_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses and pickle look there
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # whatever a user's file raises
            raise failed(path, error, "cannot be imported") from error
        return module


def _line(error: Exception) -> str:
    """Return `:` and the line of a template in which an error arose; an empty text if unknown."""
    if isinstance(error, TemplateSyntaxError):
        return f":{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == "<template>"]
    return f":{lines[-1]}" if lines else ""


def failed(path: Path, error: BaseException, what: str = "failed") -> InputError:
    """Return the error E1205 for what a trusted file of a task raised, with its line."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    place = f" (line {lines[-1]})" if lines else ""
    return InputError("E1205", f"{path} {what}: {type(error).__name__}: {error}{place}")


def load_task(name_or_folder: str | Path) -> Task:
    """Read a task by its name, or from a folder.

    Raises:
        UsageError: E1201, neither a task of this name nor a folder.
        InputError: E1202, parts are missing; E1203, metadata.yaml is not valid; E1207, `start` is
            not a candidate, or lacks a file.
    """
    folder = _folder(name_or_folder)
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if not (folder / START).is_dir():
        missing.append(f"{START}/")
    if missing:
        raise InputError(
            "E1202",
            f"{folder} is not a task: it has no {', '.join(missing)}",
            help="`aira-dsl design new FOLDER` writes a task with all parts",
        )
    task = Task(folder, _metadata(folder / METADATA))
    if (shared := task.metadata.baselines_of) is not None and shared not in task_names():
        raise InputError("E1203", f"{folder / METADATA}: baselines_of: no task {shared!r}")
    for file in task.metadata.candidate.files:
        if file not in task.start.files:
            raise InputError("E1202", f"{folder / START} has no {file}, which candidates must have")
    return task


def task_names() -> list[str]:
    """Return the names of the tasks that come with the package."""
    places = TASKS.iterdir() if TASKS.is_dir() else ()
    return sorted(place.name for place in places if (place / METADATA).is_file())


def _folder(name_or_folder: str | Path) -> Path:
    if isinstance(name_or_folder, str) and name_or_folder in task_names():
        return TASKS / name_or_folder
    folder = Path(name_or_folder)
    if not folder.is_dir():
        raise UsageError(
            "E1201",
            f"{str(name_or_folder)!r} is neither a task nor a folder",
            help=f"tasks: {', '.join(task_names())}; or give the path of a task folder",
        )
    return folder.resolve()


def _text(path: Path) -> str:
    """Return the text of a file that may hold bytes of another encoding."""
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _metadata(path: Path) -> Metadata:
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise InputError("E1203", f"{path} must hold fields, such as `name: my_task`")
        return Metadata.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InputError("E1203", f"{path}: {place}: {first['msg']}{more}") from None
    except ValueError as error:  # also of bytes that are not UTF-8
        raise InputError("E1203", f"{path}: {error}") from None
