"""Models of many providers by pydantic-ai: OpenAI, Google, OpenRouter, Ollama, vLLM and others.

A model is named as `provider:model`, as pydantic-ai names it. `openai:` is the chat-completions
protocol, which other servers speak, too; `openai-responses:` is OpenAI's newer protocol.
With a schema, answers are structured output where the model has it, else text; our parser reads
both.

pydantic-ai is asynchronous: its calls run in one event loop on a thread of their own, and any
number of threads may wait for them.
"""

import asyncio
import inspect
import os
import re
import threading
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from aira_dsl.agents.models.base import Billing, Message, Reply, Request
from aira_dsl.agents.models.pydantic_ai_reply import charged, forget, note, read_response
from aira_dsl.agents.models.service import MAX_OUTPUT, TIMEOUT, Failure, ServiceProposer
from aira_dsl.agents.text import clean
from aira_dsl.errors import UsageError
from aira_dsl.utils.extras import install_command

LOCAL = {"ollama": "http://localhost:11434/v1", "vllm": "http://localhost:8000/v1"}
"""Providers on one's own machine, whose calls are free, and where they listen by default."""

OPENAI = {
    "openai": "openai-chat",
    "openai-chat": "openai-chat",
    "openai-responses": "openai-responses",
}
"""Names of OpenAI's protocols, and what pydantic-ai calls them."""

_CONNECT = 10.0  # seconds
_SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_VARIABLE = re.compile(r"`([A-Z][A-Z0-9_]+)`")


class PydanticAIProposer(ServiceProposer):
    """Asks a model by pydantic-ai.

    Args:
        schema: JSON Schema of an answer; None for plain text.
        model: provider and model, as `openai:gpt-5`.
        effort: reasoning effort; None for the model's default.
        base_url: URL of another endpoint; None for the provider's.
        max_output: upper bound of the tokens of an answer, thinking included.
        pause: waits for a number of seconds.

    Raises:
        UsageError: E0820 if the base URL is not a URL; E0831 if pydantic-ai is not installed; E0839
            if the model is not named as `provider:model`.
    """

    name = "pydantic-ai"

    def __init__(  # noqa: PLR0913 (all but the first two by name)
        self,
        schema: dict[str, Any] | None,
        model: str = "",
        *,
        effort: str | None = None,
        base_url: str | None = None,
        max_output: int = MAX_OUTPUT,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if find_spec("pydantic_ai") is None:
            raise _not_installed("pydantic-ai", install_command("models"))
        self._provider, _, self._name = model.partition(":")
        if not (self._provider and self._name):
            raise _unknown(
                f"{model!r} is not a model of a provider" if model else "no model is given"
            )
        vendor = "openai" if self._provider in OPENAI else self._provider
        self._url = base_url or _environment_url(vendor)
        super().__init__(
            model=model,
            billing=_billing(vendor, self._name, self._url),
            url=self._url,
            url_option="--base-url" if base_url else _variable(vendor),
            max_output=max_output,
            pause=pause,
        )
        self._schema, self._effort = schema, effort
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._http: Any = None
        self._model: Any = None

    def open(self) -> None:
        """Read the key and make the client.

        Raises:
            UsageError: E0814 if there is no key, E0818 if the provider or model lacks an option,
                E0831 if the provider's package is not installed, E0839 if there is no such
                provider.
        """
        import httpx2
        from pydantic_ai import UsageExtractionFailedWarning

        # Impossible token counts are found in the reply, too, and reported with the other costs.
        warnings.simplefilter("ignore", UsageExtractionFailedWarning)
        self._secrets += [value for name, value in os.environ.items() if _SECRET.search(name)]
        timeout = httpx2.Timeout(TIMEOUT, connect=_CONNECT)
        self._http = httpx2.AsyncClient(timeout=timeout, event_hooks={"response": [note]})
        self._model = self._make_model()
        if self._effort is not None and not _thinks(self._model):
            raise UsageError(
                "E0818", f"{self.model} has no reasoning effort", help="remove --effort"
            )
        if self._url is None and (url := self._model.base_url):
            self._name_service(url, "--base-url")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Cancel the calls in flight and close the connections."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._http.aclose()

    def _call(self, request: Request) -> Reply:
        assert self._loop is not None, "the proposer is not open"
        return asyncio.run_coroutine_threadsafe(self._ask(request), self._loop).result()

    async def _ask(self, request: Request) -> Reply:
        from pydantic_ai.direct import model_request

        forget()
        try:
            response = await model_request(
                self._model,
                _messages(request),
                model_settings=self._settings(),
                model_request_parameters=self._parameters(),
            )
            return read_response(response, self._name)
        except Exception as error:
            if self._failure(error) == "unreadable" and charged():
                return Reply("", None, self._name)  # an answer without a text
            raise

    def _settings(self) -> Any:
        from pydantic_ai.settings import ModelSettings

        settings = ModelSettings(max_tokens=self.max_output, cache=True)
        if self._effort is not None:
            settings["thinking"] = self._effort  # type: ignore[typeddict-item]
        return settings

    def _parameters(self) -> Any:
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        structured = self._model.profile.get("supports_json_schema_output", False)
        if self._schema is None or not structured:
            return ModelRequestParameters()
        answer = OutputObjectDefinition(json_schema=self._schema, name="answer")
        return ModelRequestParameters(output_mode="native", output_object=answer)

    def _make_model(self) -> Any:
        from pydantic_ai.exceptions import UserError
        from pydantic_ai.models import infer_model

        kind = OPENAI.get(self._provider, self._provider)
        try:
            return infer_model(f"{kind}:{self._name}", self._make_provider)
        except UserError as error:
            raise _setup_error(self.model, str(error)) from None
        except ImportError as error:
            command = re.search(r"pip install [^`]+", str(error))
            raise _not_installed(
                f"the package of {self._provider}", command[0] if command else str(error)
            ) from None
        except ValueError:
            raise _unknown(f"pydantic-ai has no provider {self._provider!r}") from None

    def _make_provider(self, name: str) -> Any:
        from pydantic_ai.providers import infer_provider_class

        provider = infer_provider_class(name)
        parameters = inspect.signature(provider.__init__).parameters
        given: dict[str, Any] = {}
        if self._url is not None:
            if "base_url" not in parameters:
                raise UsageError(
                    "E0818",
                    f"--base-url is not an option of the provider {name!r}",
                    help="remove it",
                )
            given["base_url"] = self._url
        # Some providers' packages still need the predecessor of httpx2, and make it themselves.
        client = parameters.get("http_client")
        if client is not None and "httpx.AsyncClient" not in str(client.annotation):
            given["http_client"] = self._http
        return provider(**given)

    def _status(self, error: Exception) -> int | None:
        from pydantic_ai import exceptions as known

        match error:
            case known.ModelAuthenticationError():
                return 401
            case known.ModelNotFoundError():
                return 404
            case known.ModelRequestRejectedError() | known.ModelQuotaExceededError():
                return 400
            case known.UserError():
                return 400
            case known.ModelHTTPError():
                return error.status_code
        return None

    def _failure(self, error: Exception) -> Failure | None:
        from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError

        if isinstance(error, ModelAPIError):
            decoded = isinstance(error, ModelHTTPError) or "JSON" not in str(error)
            return "failed" if decoded else "unreadable"
        unreadable = (ValueError, AssertionError, AttributeError, TypeError, LookupError)
        return "unreadable" if isinstance(error, (*unreadable, RuntimeError)) else None

    def _message(self, error: Exception) -> str:
        status, body = getattr(error, "status_code", None), getattr(error, "body", None)
        if status is not None and isinstance(body, dict) and isinstance(body.get("message"), str):
            return f"{status} {body['message']}"
        return super()._message(error)


def _messages(request: Request) -> list[Any]:
    """Return a conversation in the form of pydantic-ai."""
    from pydantic_ai import messages as parts

    first, *others = request.messages
    told = Message(first.role, f"{request.context}\n\n{first.text}".strip())
    return [
        parts.ModelRequest(parts=[parts.UserPromptPart(message.text)], instructions=request.system)
        if message.role == "user"
        else parts.ModelResponse(parts=[parts.TextPart(message.text)])
        for message in (told, *others)
    ]


def _thinks(model: Any) -> bool:
    profile = model.profile
    return any(profile.get(key) for key in ("supports_thinking", "thinking_always_enabled"))


def _environment_url(provider: str) -> str | None:
    """Return the URL of a provider that other servers stand in for; None for one's own."""
    if provider != "openai" and provider not in LOCAL:
        return None
    return os.environ.get(_variable(provider)) or LOCAL.get(provider)


def _variable(provider: str) -> str:
    return f"{provider.upper()}_BASE_URL"


def _billing(provider: str, model: str, url: str | None) -> Billing | None:
    """Return whose prices apply: of local servers only what they forward to a cloud costs."""
    host = urlsplit(url or "").hostname or ""
    cloud = model.endswith("-cloud") or host == "ollama.com" or host.endswith(".ollama.com")
    return None if provider in LOCAL and not cloud else Billing(provider, model)


def _setup_error(model: str, message: str) -> UsageError:
    """Return the error for a provider that cannot be set up."""
    text = clean(message.split(" To try Pydantic AI", maxsplit=1)[0], 300)
    if names := list(dict.fromkeys(_VARIABLE.findall(message))):
        return UsageError(
            "E0814",
            f"{model} needs {' or '.join(names)} in the environment: {text}",
            help=f"set {names[0]}, or use --proposer local or scripted, which need none",
        )
    return UsageError("E0817", f"{model} cannot be used: {text}", help="check --model")


def _unknown(problem: str) -> UsageError:
    return UsageError(
        "E0839",
        f"{problem}: --proposer pydantic-ai needs a provider and a model",
        help="give --model as in openai:gpt-5, google:gemini-2.5-pro, "
        "openrouter:deepseek/deepseek-r1 or ollama:qwen3",
    )


def _not_installed(what: str, command: str) -> UsageError:
    return UsageError("E0831", f"{what} is not installed", help=command)
