"""Rooflines and memory against numbers computed by hand and against published models."""

import json
from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.evaluation.latency.gpus import gpus
from aira_dsl.evaluation.latency.memory import memory_of
from aira_dsl.evaluation.latency.result import ENDS
from tests.helpers.command_line import run

ROOT = Path(__file__).parent.parent.parent
LLAMA = (ROOT / "examples/paper/llama_3_2.arch", "--scale", "1b")
TEXT = """
architecture tiny {
  width 64
  vocab 1000
  context 100
  block A  = attention { heads 4, kv_heads 2, head_dim 16 }
  block M  = mlp { hidden 128, activation relu }
  block Mb = mamba2 { inner 128, state 16, head_dim 32 }
  layers 2×(Mb-M)-A
}
"""
TINY = aira_dsl.parse(TEXT)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def part(found, name):
    return next(each for each in found.parts if each.name == name)


def test_every_gpu_has_a_vendor_as_source_and_plausible_figures() -> None:
    for gpu in gpus().values():
        assert gpu.source.startswith("https://")
        assert any(vendor in gpu.source for vendor in ("nvidia.com/", "amd.com/"))
        assert 20e9 < gpu.memory < 300e9
        assert 2e11 < gpu.bandwidth < 1e13
        assert gpu.fp8 is None or 1.99 < gpu.fp8 / gpu.bf16 < 2.03, gpu.name
    # A wrong unit would show: FLOPs per byte of these GPUs are of one order of magnitude.
    assert all(50 < gpu.bf16 / gpu.bandwidth < 450 for gpu in gpus().values())


def test_decoding_reads_weights_and_caches_once() -> None:
    """One sequence: memory traffic limits every part, so bytes / bandwidth is the time."""
    found = aira_dsl.latency(TINY, "h100", context=50)
    attention = 64 * 64 * 2 + 64 * 32 * 2 + 64  # q, o; k, v; norm
    traffic = 2 * attention + 2 * 2 * 64 + 50 * 2 * (2 * 32)
    assert part(found, "A").seconds.decode == pytest.approx(traffic / 3.35e12)
    mlp = 2 * 64 * 128 + 64
    assert part(found, "M").seconds.decode == pytest.approx(2 * (2 * mlp + 2 * 2 * 64) / 3.35e12)
    block = TINY.blocks["Mb"]
    channels = 128 + 2 * 16
    weights = block.parameters(64) + 64
    state = 4 * 128 * 16 + 2 * channels * 3
    traffic = 2 * weights + 2 * 2 * 64 + 2 * state
    assert part(found, "Mb").seconds.decode == pytest.approx(2 * traffic / 3.35e12)
    assert all(bound == "memory" for each in found.parts for bound in each.bounds[1:])


def test_long_prompts_are_limited_by_arithmetic() -> None:
    found = aira_dsl.latency(TINY, "h100", context=1 << 20)
    tokens = 1 << 20
    flops = tokens * (2 * (64 * 64 * 2 + 64 * 32 * 2) + 2 * tokens * 64)  # half of the square
    assert part(found, "A").seconds.prefill == pytest.approx(flops / 989.5e12)
    assert part(found, "A").bounds[0] == "compute"
    assert found.prefill_tokens_per_second == pytest.approx(tokens / found.seconds.prefill)


def test_large_batches_share_the_weights() -> None:
    one, many = (aira_dsl.latency(TINY, "l4", batch=batch) for batch in (1, 64))
    assert many.seconds.decode < 64 * one.seconds.decode
    assert many.decode_tokens_per_second > one.decode_tokens_per_second
    kept = many.memory.cache, many.memory.state
    assert kept == (64 * one.memory.cache, 64 * one.memory.state)


def test_the_ends_are_the_embedding_and_one_row_of_logits() -> None:
    found = aira_dsl.latency(TINY, "h100", context=10)
    assert part(found, ENDS).seconds.decode == pytest.approx(2 * 64 * 1003 / 3.35e12)
    assert part(found, ENDS).seconds.prefill == pytest.approx(2 * 64 * 1021 / 3.35e12)


def test_fp8_halves_weights_and_caches_but_not_states() -> None:
    bf16, fp8 = (aira_dsl.latency(TINY, "h100", precision=each).memory for each in ("bf16", "fp8"))
    assert (fp8.weights, fp8.cache) == (bf16.weights // 2, bf16.cache // 2)
    assert fp8.state > 0.9 * bf16.state


@pytest.mark.parametrize("batch", [1, 7])
def test_limits_are_the_largest_that_fit(batch: int) -> None:
    def fits(context: int, batch: int) -> bool:
        return memory_of(
            TINY, context=context, batch=batch, element_bytes=2, capacity=2_000_000
        ).fits

    found = memory_of(TINY, context=300, batch=batch, element_bytes=2, capacity=2_000_000)
    assert fits(found.longest_context, batch)
    assert not fits(found.longest_context + 1, batch)
    assert fits(300, found.largest_batch)
    assert not fits(300, found.largest_batch + 1)


def test_a_stack_without_attention_takes_any_context() -> None:
    recurrent = TINY.replace(layers=("Mb", "M"))
    found = aira_dsl.latency(recurrent, "h100")
    assert found.memory.longest_context is None
    assert found.memory.largest_batch > 0
    assert aira_dsl.latency(TINY.replace(layers=("M",)), "h100").memory.largest_batch is None
    near, far = (aira_dsl.latency(recurrent, "h100", context=c) for c in (1, 1 << 20))
    assert near.seconds.decode == far.seconds.decode


def test_caches_of_a_published_model() -> None:
    """Nemotron-Nano-9B-v2: 16,384 bytes of keys and values a token, 143,548,416 of states."""
    nano = aira_dsl.parse(
        "architecture nano {\n  width 4480\n  vocab 131072\n  context 4096\n"
        "  block Mb = mamba2 { inner 10240, state 128, head_dim 80, groups 8 }\n"
        "  block M = mlp { hidden 15680, activation relu2 }\n"
        "  block A = attention { heads 40, kv_heads 8, head_dim 128, rope none }\n"
        "  layers 27Mb-25M-4A\n}\n"
    )
    memory = aira_dsl.latency(nano, "h100", batch=2).memory
    assert memory.weights == 2 * 8_888_227_328
    assert memory.cache == 2 * 4096 * 16_384
    assert memory.state == 2 * 143_548_416


def test_options_out_of_range_are_refused() -> None:
    for options in ({"context": 0}, {"context": 1 << 25}, {"batch": 0}, {"batch": 1 << 20}):
        with pytest.raises(aira_dsl.UsageError) as caught:
            aira_dsl.latency(TINY, "h100", **options)
        assert caught.value.code == "E0808"
    assert run("latency", *LLAMA, "--gpu", "h100", "--batch", "0").code == 2


def test_what_is_not_known_is_refused() -> None:
    done = run("latency", *LLAMA, "--gpu", "h1000")
    assert (done.code, "E1701" in done.err, "rtx-4090" in done.err) == (2, True, True)
    done = run("latency", *LLAMA, "--gpu", "A100", "--precision", "fp8")
    assert (done.code, "E1702" in done.err, "bf16" in done.err) == (2, True, True)
    done = run("latency", *LLAMA, "--gpu", "h100", "--precision", "fp32")
    assert (done.code, "E1702" in done.err) == (2, True)


def test_what_does_not_fit_is_refused_with_what_would_fit() -> None:
    done = run("latency", *LLAMA, "--gpu", "RTX 4090", "--context", 4096, "--batch", 60_000)
    assert (done.code, "E1703" in done.err) == (1, True)
    largest = aira_dsl.latency(
        aira_dsl.load(LLAMA[0]).at("1b"), "rtx-4090", context=4096
    ).memory.largest_batch
    assert f"the largest batch that fits at context 4,096 is {largest:,}" in done.err
    huge = TINY.replace(layers=("M",), vocab=1 << 20, width=1 << 17)
    with pytest.raises(aira_dsl.InputError, match="E1703") as caught:
        aira_dsl.latency(huge, "l4")
    assert "weights alone" in caught.value.help


def test_the_report_of_one_gpu() -> None:
    done = run("latency", *LLAMA, "--gpu", "h100", "--batch", 8)
    assert done.code == 0, done.err
    for expected in (
        "NVIDIA H100 SXM, 80 GB, bf16: 8 sequences",
        "upper bound",
        "at most",
        "memory",
        "compute",
        "longest context",
        "embedding, head",
        "16 × A",
    ):
        assert expected in done.out


def test_a_table_of_all_gpus_shows_what_does_not_fit() -> None:
    done = run("latency", *LLAMA, "--gpu", "all", "--context", 100_000, "--batch", 16)
    assert done.code == 0, done.err
    rows = [line for line in done.out.splitlines() if line.startswith(("NVIDIA", "AMD"))]
    assert len(rows) == len(gpus())
    assert "does not fit" in next(row for row in rows if "L4," in row)
    assert "does not fit" not in next(row for row in rows if "MI300X" in row)
    fp8 = run("latency", *LLAMA, "--gpu", "all", "--precision", "fp8").out
    assert ("L4," in fp8, "A100" in fp8) == (True, False)


def test_json_has_every_number_of_the_report() -> None:
    done = run("latency", *LLAMA, "--gpu", "h200", "--gpu", "l40s", "--format", "json")
    first, second = json.loads(done.out)["devices"]
    assert (first["device"], second["device"]) == ("h200", "l40s")
    assert first["decode_tokens_per_second"] == pytest.approx(1 / first["seconds"]["decode"])
    assert first["seconds"]["decode"] == pytest.approx(
        sum(each["seconds"]["decode"] for each in first["parts"])
    )
    assert first["memory"]["fits"] is True
    assert first["memory"]["longest_context"] > second["memory"]["longest_context"]


def test_show_says_whether_a_model_fits_and_what_bounds_it() -> None:
    """Llama 3.2 1B: 32,768 bytes of keys and values a token, eight sequences of 131,072 tokens."""
    workload = ("--context", "128k", "--batch", "8", "--gpu", "H100")
    done = run("show", *LLAMA, *workload, "--format", "json")
    found = json.loads(done.out)["gpu"]
    assert found["context"] == 131_072
    for precision, bits in (("bf16", 16), ("fp8", 8), ("4 bits", 4)):
        memory = found["memory"][precision]
        assert memory["weights"] == 1_235_814_400 * bits // 8
        assert memory["needed"] == memory["weights"] + 8 * 131_072 * 32_768
        assert memory["fits"]
    bounds = {phase: each["bound"] for phase, each in found["speed"].items()}
    assert bounds == {"prefill": "compute", "decode": "memory"}
    shown = run("show", *LLAMA, *workload).out
    assert "8 sequences of 131,072 tokens" in shown
    assert "no" in run("show", *LLAMA, "--batch", "999999", "--gpu", "l4").out.split()
