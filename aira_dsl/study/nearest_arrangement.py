"""The nearest new arrangement: what samplers and agents get for one that was tried."""

import random
from collections.abc import Set

from aira_dsl.space import Space

MAX_DRAWS = 200_000  # a space of which so many draws show nothing new counts as used up

_Layers = tuple[str, ...]


def nearest_new(
    space: Space, start: _Layers, known: Set[str], rng: random.Random
) -> _Layers | None:
    """Return an arrangement that is allowed and not known; None if none was found.

    It is looked for around `start`, by random changes of one slot, then two, and so on, and then in
    the whole space: that keeps the intention of a proposal better than a random draw.

    Args:
        space: where to look, with its constraints.
        start: where to begin; if a constraint excludes it, the whole space is looked through.
        known: fingerprints of the architectures of all trials.
        rng: source of the randomness of the moves.
    """
    if space.allows(start):
        for distance in range(1, space.slots + 1):
            for _ in range(8):
                layers = _change(space, start, distance, rng)
                if is_new(space, layers, known):
                    return layers
    for _ in range(min(20 * space.count, MAX_DRAWS)):
        layers = space.draw(rng)
        if is_new(space, layers, known):
            return layers
    return None


def is_new(space: Space, layers: _Layers, known: Set[str]) -> bool:
    """Return whether an arrangement is allowed and not known."""
    return space.allows(layers) and space.architecture(layers).fingerprint not in known


def _change(space: Space, layers: _Layers, distance: int, rng: random.Random) -> _Layers:
    changed = list(layers)
    for slot in rng.sample(range(len(layers)), distance):
        changed[slot] = rng.choice(space.names)
    return tuple(changed)
