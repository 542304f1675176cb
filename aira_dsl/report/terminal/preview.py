"""What an agent would be asked first, and what that may cost."""

from aira_dsl.study.architecture_agent.setup import Preview


def preview_text(preview: Preview, budget: int | None) -> str:
    """Describe the first call of a search for people; `budget` is its evaluations."""
    request, most = preview.request, preview.most
    parts = ["--- system", request.system, "--- user", request.context, request.messages[-1].text]
    lines = [part.rstrip() for part in parts if part.strip()]
    tokens = most.cache_write
    lines.append(
        f"--- {preview.model}: at most {tokens:,} tokens to read, {most.output:,} to write"
    )
    if preview.usd is None:
        lines.append("its price is not known; give one with --prices")
    elif preview.usd:
        worth = f"at most ${preview.usd:.4f} a call"
        if budget is not None:
            worth += f", ${budget * preview.usd:.2f} for {budget} calls of this length"
        lines.append(f"{worth} (prices of {preview.prices}; repairs and memory come on top)")
    else:
        lines.append("it costs nothing")
    return "\n".join(lines) + "\n"
