"""The first request of an agent and the upper bound of its cost."""

from aira_dsl.study.agent.setup import Preview


def preview_text(preview: Preview, budget: int | None) -> str:
    """Return the preview as text; `budget` is the number of evaluations."""
    request, most = preview.request, preview.most
    parts = ["--- system", request.system, "--- user", request.context, request.messages[-1].text]
    lines = [part.rstrip() for part in parts if part.strip()]
    tokens = most.cache_write
    lines.append(
        f"--- {preview.model}: at most {tokens:,} tokens of input, {most.output:,} of output"
    )
    if preview.usd is None:
        lines.append("price unknown; give one with --prices")
    elif preview.usd:
        worth = f"at most ${preview.usd:.4f} per call"
        if budget is not None:
            worth += f", ${budget * preview.usd:.2f} for {budget} calls of this length"
        lines.append(
            f"{worth} (prices: {preview.prices}; repairs and longer requests are not included)"
        )
    else:
        lines.append("free")
    return "\n".join(lines) + "\n"
