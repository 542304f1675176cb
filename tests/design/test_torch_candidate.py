"""A candidate in torch: tied weights, bfloat16 logits, and attention with and without a mask."""

from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task
from aira_dsl.sandbox import kinds

WORDS = Path(__file__).parent / "tasks" / "words"

TRAIN = """
import prepare
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(prepare.SEED)


class Model(nn.Module):
    def __init__(self, vocabulary, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.mix = nn.Linear(width, 3 * width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens):
        x = self.embed(tokens)
        q, k, v = self.mix(x).chunk(3, dim=-1)
        x = x + F.scaled_dot_product_attention(q, k, v, is_causal=CAUSAL)
        return (4 * self.head(x)).bfloat16()


model = Model(prepare.VOCABULARY)
optimizer = torch.optim.Adam(model.parameters(), 3e-2)
run = prepare.start(model)
text = torch.from_numpy(run.files["tokens.bin"].view("uint16").astype("int64"))
steps = 0
while steps < 300:
    rows = text[torch.randint(len(text) - 25, (16, 1)) + torch.arange(25)]
    logits = model(rows[:, :-1]).float()
    loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    steps += 1
run.finish(steps=steps, progress=run.progress)
"""


@pytest.mark.slow
@pytest.mark.parametrize("causal", [True, False])
def test_a_candidate_in_torch(causal, tmp_path):
    task = load_task(WORDS)
    data = prepare_data(task, "torch", seed=1, root=tmp_path)
    candidate = Candidate({"train.py": TRAIN.replace("CAUSAL", str(causal))})
    judgement = judge(JudgeRequest(task, "torch", candidate, data, kinds.choose("auto")))
    assert judgement.facts["parameters"] == 16 * 16 + 16 * 48 + 48  # the tied head counts once
    assert judgement.facts["reported_steps"] == 300
    limit = task.size("torch").training_seconds
    assert 0 < judgement.facts["reported_progress"] * limit < judgement.facts["training_seconds"]
    if causal:
        assert judgement.status == "ok", judgement
        assert judgement.score < 2.5
        assert judgement.facts["largest_difference_bits"] < 0.05
    else:
        assert judgement.status == "refused"
        assert judgement.message.startswith("not causal: ")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bubblewrap", "landlock"])
def test_worker_processes_of_a_data_loader_are_named_as_the_reason(kind, tmp_path):
    """They send tensors by sockets; the pages on tasks and on the sandbox say so."""
    if kinds.obstacle(kind) is not None:
        pytest.skip(str(kinds.obstacle(kind)))
    task = load_task(WORDS)
    short = task.size("torch").model_copy(update={"training_seconds": 10.0})
    task = Task(task.folder, task.metadata.model_copy(update={"sizes": {"torch": short}}))
    data = prepare_data(task, "torch", seed=1, root=tmp_path)
    loader = "[*torch.utils.data.DataLoader(torch.arange(100), num_workers=WORKERS)]"
    script = TRAIN.replace("CAUSAL", "True").replace("steps = 0\n", f"steps = 290\n{loader}\n")
    request = JudgeRequest(task, "torch", task.start, data, kind)

    def judged(workers):
        files = {"train.py": script.replace("WORKERS", str(workers))}
        return judge(replace(request, candidate=Candidate(files)))

    failed = judged(1)
    assert failed.status == ("over time" if kind == "bubblewrap" else "crashed")
    assert "PermissionError" in failed.message
    assert judged(0).status == "ok"
