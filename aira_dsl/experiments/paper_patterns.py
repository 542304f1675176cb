"""Arrangements that everybody knows: the paper's searched base patterns, and the plain ones.

The patterns are written as the paper prints them (arXiv 2605.15871, the tables of searched base
patterns). Benchmarks and calibration use them as fixed points of the 16-slot space.
"""

from aira_dsl.language import expand_pattern

BASES = {
    "AIRAformer-A": "(A+M)+(2A+2M)+4×(A+M)+2M",
    "AIRAformer-B": "2A+5×(A+M)+4M",
    "AIRAformer-C": "(2A+M)+3×(A+M)+(2A+M)+4A",
    "AIRAformer-D": "5×(2A+M)+A",
    "AIRAhybrid-A": "2Mb+M+11Mb+2M",
    "AIRAhybrid-B": "3×(2Mb+M+A)+2Mb+2M",
    "AIRAhybrid-C": "2Mb+A+2×(Mb+A)+M+2×(A+Mb+A+M)",
    "AIRAhybrid-D": "2Mb+M+2×(Mb+M)+A+M+Mb+M+A+M+Mb+M+A",
    "AIRAhybrid-E": "5×(Mb+M+A)+M",
}
"""The nine bases."""

BASELINES = {
    "attention only": "16A",
    "MLP only": "16M",
    "Mamba-2 only": "16Mb",
    "striped A-M": "8×(A-M)",
    "striped Mb-M": "8×(Mb-M)",
    "striped Mb-A": "8×(Mb-A)",
}
"""Pure and striped ones."""

BALANCED = {"balanced": "5×(A-M-Mb)-M"}
"""Five of attention and Mamba-2, six MLPs."""


def layers_of(patterns: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Expand patterns over A, M and Mb."""
    return {name: tuple(expand_pattern(text, ("A", "M", "Mb"))) for name, text in patterns.items()}
