"""The CUDA kernels: found lazily, never in the way.

No GPU here, so the kernels themselves are not run. What is tested: that importing and running this
package on a CPU never looks for them, that a broken install does no harm, and that the calls have
the layout of the kernels' documented signatures (transformers' CPU stand-ins share those).
"""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aira_dsl.primitives import Mamba2 as Spec
from aira_dsl.primitives.common import cuda
from aira_dsl.primitives.common.ssd import Operands, ssd
from aira_dsl.primitives.mamba1 import cuda as mamba1_cuda
from aira_dsl.primitives.mamba1 import scan
from aira_dsl.primitives.mamba2.cuda import run_scan
from aira_dsl.primitives.mamba2.module import Mamba2


@pytest.fixture(autouse=True)
def _fresh_probe() -> object:
    cuda.probe.cache_clear()
    yield
    cuda.probe.cache_clear()


def install(folder: Path, package: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a package on the path that runs `code` when it is imported.

    Not under the name of a real one: transformers looks for those too, and would take it.
    """
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setitem(sys.modules, package, None)  # so that the end of the test removes it
    del sys.modules[package]


BROKEN = [
    "import selective_scan_cuda",  # what an install without CUDA really raises
    "raise OSError('libcudart.so.12: cannot open shared object file')",
    "raise RuntimeError('no GPU')",
    "def f(:",
    "",  # imports, but its module of kernels is missing
]


@pytest.mark.parametrize("code", BROKEN)
def test_broken_install_is_survived_with_one_warning(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "broken_kernels", code, monkeypatch)
    wanted = ("broken_kernels", "broken_kernels.ops.ssd_combined", "mamba_chunk_scan_combined")
    with pytest.warns(RuntimeWarning, match="broken_kernels is installed but cannot be used"):
        assert cuda.probe(*wanted) is None
    assert cuda.probe(*wanted) is None  # warnings are errors: the second is silent


def test_absent_package_is_no_reason_to_warn() -> None:
    assert cuda.probe("no_such_package_here", "no_such_package_here", "kernel") is None


def test_working_install_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "working_kernels", "def convolve(): return 42", monkeypatch)
    kernel = cuda.probe("working_kernels", "working_kernels", "convolve")
    assert kernel is not None
    assert kernel() == 42


def test_cpu_tensors_never_touch_the_packages(tmp_path: Path) -> None:
    """In a process of its own: importing and running on a CPU imports neither package."""
    for package in ("mamba_ssm", "causal_conv1d"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(
            "raise SystemExit('imported')", encoding="utf-8"
        )
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import torch\n"
        "from aira_dsl.primitives.mamba2.module import Mamba2\n"
        "from aira_dsl.primitives import Mamba2 as Spec\n"
        "mixer = Mamba2(Spec(inner=8, head_dim=4), 6)\n"
        "mixer.init_weights(torch.Generator(), 1)\n"
        "mixer(torch.ones(1, 5, 6)).sum().backward()\n"
        "mixer(torch.ones(1, 5, 6), mixer.new_cache(1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_scan_is_called_as_documented() -> None:
    from transformers.models.nemotron_h.modeling_nemotron_h import mamba2_chunk_scan

    generator = torch.Generator().manual_seed(0)
    operands = Operands(
        torch.randn(2, 21, 6, 3, generator=generator),
        torch.rand(2, 21, 6, generator=generator),
        -torch.rand(6, generator=generator),
        torch.randn(2, 21, 2, 4, generator=generator),
        torch.randn(2, 21, 2, 4, generator=generator),
        torch.randn(6, generator=generator),
    )
    state = torch.randn(2, 6, 3, 4, generator=generator)
    for first in (None, state):
        y, last = run_scan(mamba2_chunk_scan, operands, chunk=8, state_BHPN=first)
        expected = ssd(operands, chunk=5, state_BHPN=first, want_state=True)
        torch.testing.assert_close((y, last), expected, atol=1e-5, rtol=1e-4)


def test_convolution_is_called_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.models.nemotron_h.modeling_nemotron_h import causal_conv1d_fn

    mixer = Mamba2(Spec(inner=8, head_dim=4), 6)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    x = torch.randn(2, 9, 6, generator=torch.Generator().manual_seed(1))
    expected = mixer(x)
    monkeypatch.setattr(cuda, "conv_kernel", lambda x_BLC, width: causal_conv1d_fn)
    torch.testing.assert_close(mixer(x), expected)


def test_selective_scan_is_called_as_documented() -> None:
    from transformers.models.mamba.modeling_mamba import mamba_selective_scan

    generator = torch.Generator().manual_seed(0)
    operands = scan.Operands(
        torch.randn(2, 21, 6, generator=generator),
        torch.rand(2, 21, 6, generator=generator),
        -torch.rand(6, 4, generator=generator),
        torch.randn(2, 21, 4, generator=generator),
        torch.randn(2, 21, 4, generator=generator),
        torch.randn(6, generator=generator),
    )
    y_BLE = mamba1_cuda.run_scan(mamba_selective_scan, operands)
    torch.testing.assert_close(y_BLE, scan.selective_scan(operands)[0], atol=1e-5, rtol=1e-4)
