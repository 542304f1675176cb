"""Replies of the protocols of OpenAI (two of them) and Google, for a model service."""

from dataclasses import dataclass, field
from typing import Any

from tests.helpers.model_service import Message


@dataclass(frozen=True)
class Completion(Message):
    """A completion; the attributes are those of a message, in this protocol."""

    stop: str = "stop"
    usage: dict[str, Any] = field(
        default_factory=lambda: {
            "prompt_tokens": 1107, "completion_tokens": 20, "total_tokens": 1127,
            "prompt_tokens_details": {"cached_tokens": 1000},
        }
    )  # fmt: skip

    def body(self, model: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.text, "refusal": None}
        if self.thinking:
            message["reasoning_content"] = "hm"
        correct = {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000,
            "model": model, "usage": self.usage,
            "choices": [{"index": 0, "message": message, "finish_reason": self.stop}],
        }  # fmt: skip
        changed = {**correct, **self.changes}
        return {name: value for name, value in changed.items() if value is not ...}


@dataclass(frozen=True)
class ResponsesReply(Message):
    """A reply of OpenAI's Responses protocol; `stop` is the reason why it is incomplete."""

    stop: str = ""
    usage: dict[str, Any] = field(
        default_factory=lambda: {
            "input_tokens": 1107, "input_tokens_details": {"cached_tokens": 1000},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 1127,
        }
    )  # fmt: skip

    def body(self, model: str) -> dict[str, Any]:
        content = {"type": "output_text", "text": self.text, "annotations": []}
        output: list[dict[str, Any]] = [{
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [content],
        }]  # fmt: skip
        if self.thinking:
            output.insert(0, {"type": "reasoning", "id": "rs_1", "summary": []})
        return {
            "id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": model,
            "status": "incomplete" if self.stop else "completed", "error": None,
            "incomplete_details": {"reason": self.stop} if self.stop else None, "output": output,
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": self.usage,
        }  # fmt: skip


@dataclass(frozen=True)
class GeminiReply(Message):
    """A reply of Google's protocol."""

    stop: str = "STOP"
    usage: dict[str, Any] = field(
        default_factory=lambda: {
            "promptTokenCount": 1107, "cachedContentTokenCount": 1000,
            "candidatesTokenCount": 20, "thoughtsTokenCount": 5, "totalTokenCount": 1132,
        }
    )  # fmt: skip

    def body(self, model: str) -> dict[str, Any]:
        parts: list[dict[str, Any]] = [{"text": self.text}]
        if self.thinking:
            parts.insert(0, {"text": "hm", "thought": True})
        content = {"role": "model", "parts": parts}
        return {
            "candidates": [{"content": content, "finishReason": self.stop, "index": 0}],
            "usageMetadata": self.usage, "modelVersion": "gemini",
        }  # fmt: skip
