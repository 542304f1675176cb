"""What the fits of several designs say together: as text and as JSON."""

import math
from collections.abc import Sequence
from typing import Any

from aira_dsl.scaling.isoflop.claims import CLAIM, Chance, Claims
from aira_dsl.scaling.isoflop.compared import Compared
from aira_dsl.scaling.isoflop.equal import Comparison, Equal
from aira_dsl.scaling.isoflop.frontier import SLOPES, Frontier, estimate
from aira_dsl.scaling.isoflop.latency import LatencyFrontier
from aira_dsl.utils.formatting import humanized, short_duration
from aira_dsl.utils.statistics import Estimate

SLOPE_MEANINGS = {
    "a": "log10 of the best size against log10 FLOPs",
    "per_decade": "loss of the best size against log10 FLOPs",
    "q": "loss of the best size against its log10, as the paper compares",
}
EQUAL_MEANINGS: dict[Equal, str] = {
    "tokens": "equal parameters and tokens",
    "flops": "equal parameters and FLOPs",
    "best": "equal FLOPs, each at its best size",
    "latency": "equal FLOPs and latency, each at its best size",
}


def compared_json(found: Compared) -> dict[str, Any]:
    """Return all of it for scripts."""
    return {
        "reference": found.reference,
        "frontiers": {each.design: _frontier_json(each) for each in found.frontiers},
        "slopes": [
            {
                "first": each.first,
                "second": each.second,
                "slope": each.slope,
                "difference": estimate_json(each.value),
                "relative": estimate_json(each.relative),
                "significant": each.significant,
            }
            for each in found.slopes
        ],
        "losses": [
            {
                "first": each.first,
                "second": each.second,
                "equal": each.equal,
                "params": each.params,
                "amount": each.amount,
                "latency": each.latency,
                **estimate_json(each.value),
                "significant": each.significant,
            }
            for each in found.losses
        ],
        "latency": [_latency_json(each) for each in found.latencies],
        "too_slow": found.too_slow,
        "claims": [
            {
                "design": each.design,
                "reference": each.reference,
                "choices": each.choices,
                "three_sizes": [
                    {"sizes": list(sizes), "claim": value} for sizes, value in each.three.items()
                ],
                "outer_sizes": each.outer,
                "all_sizes": each.all_sizes,
            }
            for each in found.claims
        ],
        "chance": [_chance_json(each) for each in found.chances],
        "noise": found.noise,
        "noise_of_seeds": found.noise_of_seeds,
    }


def compared_lines(found: Compared) -> list[str]:
    """Return all of it for people; losses at the largest budget only."""
    budgets = [float(each) for each in found.frontiers[0].budgets_C]
    lines = [f"slopes of the frontiers from {budgets[0]:.3g} to {budgets[-1]:.3g} FLOPs:"]
    for name in SLOPES:
        lines.append(f"  {name}: {SLOPE_MEANINGS[name]}")
        lines += [
            f"    {each.design}: {signed(estimate(each.slopes_S[name]))}"
            for each in found.frontiers
        ]
        lines += [
            f"    {each.first} - {each.second}: {signed(each.value)}  {verdict(each.significant)}"
            for each in found.slopes
            if each.slope == name
        ]
    lines += ["", f"differences of the loss at {budgets[-1]:.3g} FLOPs, in nats:"]
    lines += _loss_lines(found.losses_C[-1])
    lines += [f"    {each} has no size that is this fast" for each in found.too_slow]
    return [*lines, "", *claim_lines(found)]


def claim_lines(found: Compared) -> list[str]:
    """Return what the paper's method would have claimed, and what chance claims."""
    lines = [f"the paper's q/q_reference - 1 against {found.reference}:"]
    for each in found.claims:
        lines.append(f"  {each.design}: {claim_text(each)}")
    source = "runs that differ in their seed" if found.noise_of_seeds else "residuals of the fits"
    lines.append(
        f'how often chance alone gives "{CLAIM:.0%} faster" among designs of one law, with noise '
        f"of {found.noise:.4f} nats ({source}):"
    )
    return lines + [f"  {chance_text(each)}" for each in found.chances]


def claim_text(found: Claims) -> str:
    """Say what parabolas through three sizes and through all claim of a design."""
    parts = [
        f"all sizes {percent(found.all_sizes)}",
        f"outer and middle size {percent(found.outer)}",
    ]
    if found.three:
        values = sorted(found.three.values())
        parts.append(
            f"{len(values)} of {found.choices} choices of three sizes give a slope: "
            f"{percent(values[0])} to {percent(values[-1])}, median "
            f"{percent(values[len(values) // 2])}"
        )
    else:
        parts.append(f"none of {found.choices} choices of three sizes gives a slope")
    return "; ".join(parts)


def chance_text(found: Chance) -> str:
    """Say how often chance claims as much."""
    sizes = f"{found.sizes} sizes" if found.sizes else "all sizes"
    median = f"±{found.median:.0%}" if math.isfinite(found.median) else "none"
    return (
        f"{sizes}: {found.pair:.1%} of designs, {found.any_of:.1%} of sets of {found.designs}; "
        f"median claim {median}, no slope in {found.none:.0%}"
    )


def estimate_json(found: Estimate) -> dict[str, float | None]:
    """Return an estimate by name; None for what the runs do not determine: JSON has no NaN."""
    return dict(zip(("value", "low", "high"), map(number_or_none, found), strict=True))


def number_or_none(value: float) -> float | None:
    """Return a number, or None if it is not finite."""
    return value if math.isfinite(value) else None


def signed(found: Estimate, form: str = "+.4f") -> str:
    """Write an estimate with its interval and signs."""
    value, low, high = (f"{each:{form}}" if math.isfinite(each) else "none" for each in found)
    return f"{value} ({low} to {high})"


def percent(value: float | None) -> str:
    """Write a share with its sign."""
    return "none" if value is None else f"{value:+.0%}"


def verdict(significant: bool) -> str:
    """Say whether a difference is significant."""
    return "significant" if significant else "not significantly different"


def _loss_lines(found: Sequence[Comparison]) -> list[str]:
    lines: list[str] = []
    for equal, meaning in EQUAL_MEANINGS.items():
        here = [each for each in found if each.equal == equal]
        if not here:
            continue
        params = here[0].params
        size = f", {humanized(params)} parameters" if params is not None else ""
        tokens = f", {humanized(here[0].amount)} tokens" if equal == "tokens" else ""
        limit = here[0].latency
        seconds = f", at most {short_duration(limit)} a token" if limit is not None else ""
        lines.append(f"  {meaning}{size}{tokens}{seconds}")
        lines += [
            f"    {each.first} - {each.second}: {signed(each.value)}  {verdict(each.significant)}"
            for each in here
        ]
    return lines


def _frontier_json(found: Frontier) -> dict[str, Any]:
    return {
        "slopes": {name: estimate_json(estimate(found.slopes_S[name])) for name in SLOPES},
        "budgets": [
            {
                "flops": float(found.budgets_C[place]),
                "params": estimate_json(estimate(found.params_SC[:, place])),
                "tokens": estimate_json(estimate(found.tokens_SC[:, place])),
                "loss": estimate_json(estimate(found.loss_SC[:, place])),
                "inside": bool(found.inside_C[place]),
            }
            for place in range(len(found.budgets_C))
        ],
    }


def _latency_json(found: LatencyFrontier) -> dict[str, Any]:
    places = range(len(found.limits_T))
    return {
        "design": found.design,
        "flops": found.flops,
        "limits": [
            {
                "seconds": float(found.limits_T[place]),
                "params": None if best is None else estimate_json(best[0]),
                "loss": None if best is None else estimate_json(best[1]),
            }
            for place, best in enumerate(map(found.at, places))
        ],
    }


def _chance_json(found: Chance) -> dict[str, Any]:
    return {
        "sizes": found.sizes,
        "noise": found.noise,
        "designs": found.designs,
        "claim": CLAIM,
        "pair": found.pair,
        "any_of": found.any_of,
        "no_slope": found.none,
        "median": number_or_none(found.median),
    }
