"""Tokens/s of `aira-dsl train` beside transformers' Trainer, in one run on this machine.

    python -m benchmarks.training --steps 40

Both train the same arrangement of Mamba-2, attention without RoPE and relu² MLPs (what NemotronH
has; the sizes of the paper's space) on the same rows of text in the same order, with AdamW,
clipping and logging; Trainer trains the NemotronH of transformers with its fastest chunk size. Each
setting of processes, threads and precision is timed for both, one after the other, and the best of
each are compared. Time is that of the whole loop, without the import and the preparation of the
text. It needs the packages accelerate and transformers.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aira_dsl.experiments.speed.implementations import as_it_can
from aira_dsl.language import expand_pattern, parse, to_text
from aira_dsl.space import Space

BATCH, CONTEXT = 32, 256
QUICKEST_CHUNK = 16
"""NemotronH's fastest chunk_size on a CPU at this state size, of 16 to 128."""
CORPUS = "python-reference"
BALANCED = "5×(A-M-Mb)-M"


def text_of(pattern: str) -> str:
    """Return the text of a pattern over A, M and Mb, with the blocks of the paper's space."""
    member = Space.default().architecture(tuple(expand_pattern(pattern, ("A", "M", "Mb"))))
    return to_text(as_it_can(member.replace(context=CONTEXT)))


@dataclass(frozen=True)
class Setting:
    """How the two cores are used."""

    processes: int
    threads: int
    precision: str


SETTINGS = [
    Setting(2, 1, "bf16"),
    Setting(1, 2, "bf16"),
    Setting(2, 1, "fp32"),
    Setting(1, 2, "fp32"),
]


def ours(setting: Setting, pattern: str, steps: int, folder: Path) -> dict[str, Any]:
    """Train with this package; return tokens/s of the loop, and the share of it not in steps."""
    (folder / "model.arch").write_text(text_of(pattern), encoding="utf-8")
    command = [
        "-m", "aira_dsl", "train", str(folder / "model.arch"), "--data", CORPUS, "--steps",
        str(steps), "--batch", str(BATCH), "--precision", setting.precision, "--threads",
        str(setting.threads), "--validation-tokens", "8192", "--validation", "0.1",
        "--device", "cpu", "--out", str(folder / "run"),
    ]  # fmt: skip
    launch(setting, command)
    result = json.loads((folder / "run/result.json").read_text(encoding="utf-8"))
    whole = result["seconds"] + result["overhead_seconds"]
    return {
        "tokens_per_second": result["tokens"] / whole,
        "overhead": result["overhead_seconds"] / whole,
        "loss": result["loss"],
        "parameters": result["parameters"] + result["embedding_parameters"],
    }


def theirs(setting: Setting, pattern: str, steps: int, folder: Path) -> dict[str, Any]:
    """Train with transformers' Trainer; return tokens/s of its loop."""
    order = json.dumps(
        {**asdict(setting), "pattern": pattern, "steps": steps, "folder": str(folder)}
    )
    launch(setting, ["-m", "benchmarks.training", "--peer", order])
    found: dict[str, Any] = json.loads((folder / "peer.json").read_text(encoding="utf-8"))
    return found


def launch(setting: Setting, command: list[str]) -> None:
    """Run a Python module on the processes of a setting."""
    several = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    before = [*several, str(setting.processes)] if setting.processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": str(setting.threads)}
    subprocess.run([sys.executable, *before, *command], env=environment, check=True)


def peer(order: dict[str, Any]) -> None:
    """Train NemotronH; the main function of the processes of `theirs`."""
    import torch
    from transformers import AutoModelForCausalLM, NemotronHConfig, Trainer, TrainingArguments

    from aira_dsl.data.tokens.prepare import prepare
    from aira_dsl.data.tokens.rows import Rows
    from aira_dsl.interop.families.nemotron_h import to_nemotron_h

    config = to_nemotron_h(parse(text_of(order["pattern"])))
    for key in ("architectures", "chunk_size", "time_step_min"):
        del config[key]
    model = AutoModelForCausalLM.from_config(NemotronHConfig(**config, chunk_size=QUICKEST_CHUNK))
    rows = Rows(prepare([CORPUS], validation=0.1).train, CONTEXT, 0)

    class Data(torch.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
            for step in range(order["steps"]):
                for row in torch.from_numpy(rows.batch(step, BATCH).tokens_BS[:, :-1]):
                    yield {"input_ids": row, "labels": row}

    arguments = TrainingArguments(
        order["folder"],
        max_steps=order["steps"],
        per_device_train_batch_size=BATCH // order["processes"],
        bf16=order["precision"] == "bf16",
        use_cpu=True,
        learning_rate=1e-3,
        optim="adamw_torch_fused",
        logging_steps=10,
        report_to=[],
        save_strategy="no",
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
    )
    torch.set_num_threads(order["threads"])
    trainer = Trainer(model, arguments, train_dataset=Data())
    began = time.perf_counter()
    done = trainer.train()
    seconds = time.perf_counter() - began
    if trainer.is_world_process_zero():
        found = {
            "tokens_per_second": order["steps"] * BATCH * CONTEXT / seconds,
            "loss": done.training_loss,
            "parameters": sum(each.numel() for each in model.parameters()),
        }
        Path(order["folder"], "peer.json").write_text(json.dumps(found), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--pattern", default=BALANCED, help="layers over A, M and Mb")
    parser.add_argument("--settings", type=int, nargs="*", help="numbers of settings to time")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer(json.loads(options.peer))
        return
    best = {"aira-dsl": 0.0, "Trainer": 0.0}
    for number, setting in enumerate(SETTINGS):
        if options.settings and number not in options.settings:
            continue
        for name, train in (("aira-dsl", ours), ("Trainer", theirs)):
            with tempfile.TemporaryDirectory() as folder:
                found = train(setting, options.pattern, options.steps, Path(folder))
            best[name] = max(best[name], found["tokens_per_second"])
            print(json.dumps({"who": name, **asdict(setting), **found}), flush=True)
    print(json.dumps({**best, "ratio": best["aira-dsl"] / best["Trainer"]}))


if __name__ == "__main__":
    main()
