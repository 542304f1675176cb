"""A safetensors file that is filled in place, for weights larger than memory.

The bytes are those that safetensors itself writes of the same tensors: a length, a header of JSON
with the tensors in alphabetical order, padded to a multiple of 8, then the numbers.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

_ALIGNMENT = 8
_CODES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
}


def map_tensors(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: torch.dtype,
    metadata: Mapping[str, str],
) -> dict[str, Tensor]:
    """Make a file of zeros, and return its tensors: what is written into them is in the file.

    Args:
        path: a file that does not exist yet.
        shapes: of the tensors, by name.
        dtype: of all tensors, a floating-point one.
        metadata: of the file.

    Raises:
        OSError: the file cannot be made.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    places: dict[str, tuple[int, int]] = {}
    end = 0
    for name in sorted(shapes):
        begin, end = end, end + math.prod(shapes[name]) * dtype.itemsize
        places[name] = begin, end
        offsets = [begin, end]
        header[name] = {
            "dtype": _CODES[dtype],
            "shape": list(shapes[name]),
            "data_offsets": offsets,
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    start = _ALIGNMENT + len(text)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(_ALIGNMENT, "little") + text)
        file.truncate(start + end)
    data = torch.from_file(str(path), shared=True, size=start + end, dtype=torch.uint8)
    return {
        name: data[start + begin : start + end].view(dtype).view(shapes[name])
        for name, (begin, end) in places.items()
    }
