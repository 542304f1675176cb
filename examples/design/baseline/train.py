"""A small GPT, trained for the task's time with Muon and AdamW.

Rotary positions, normed queries and keys, squared ReLU, value embeddings in every other layer, a
share of the input in every layer, capped logits, and a learning rate that falls to zero. The input
has a share of the token before, and so has every key: a layer need not learn to look there first.

Legend: B batch, T time, D width, H heads, E width of a head, F hidden units, V vocabulary.
"""

import prepare
import torch
import torch.nn.functional as F
from prepare import DEVICE, MAX_SEQ_LEN, SEED, VOCAB_SIZE
from torch import Tensor, nn

# --------------------------------------------------------------------------------------------------
# What there is to choose

DEPTH = 3
WIDTH = 128
HEAD_WIDTH = 64
HIDDEN = 4 * WIDTH
BATCH = 8  # rows of MAX_SEQ_LEN tokens in one step

MATRIX_LR = 0.02  # Muon: all matrices of the layers
EMBEDDING_LR = 0.7  # Adam: token and value embeddings
HEAD_LR = 0.01  # Adam: the output layer
SCALAR_LR = 0.05  # Adam: gates and the weights of the input
WARM_DOWN = 0.5  # share of the training in which the learning rates fall to zero
LOGIT_CAP = 15.0
GATE_INPUTS = 32  # units of the stream that open a value embedding

torch.manual_seed(SEED)
if DEVICE == "cpu":
    torch.set_num_threads(2)


def quick_dtype() -> torch.dtype:
    """bfloat16 where the processor multiplies it in hardware; many CPUs only emulate it."""
    able = getattr(torch.cpu, "get_capabilities", dict)()
    quick = DEVICE != "cpu" or able.get("amx_bf16") or able.get("avx512_bf16")
    return torch.bfloat16 if quick else torch.float32


DTYPE = quick_dtype()  # of activations; weights are float32

# --------------------------------------------------------------------------------------------------
# The model


def norm(x: Tensor) -> Tensor:
    """RMS norm without weights."""
    return F.rms_norm(x, (x.size(-1),))


def previous(x: Tensor) -> Tensor:
    """The position before each one, (..., T, D); zeros before the first."""
    return F.pad(x[..., :-1, :], (0, 0, 1, 0))


class Linear(nn.Linear):
    """A matrix in float32 that multiplies in the type of its input."""

    def __init__(self, inputs: int, outputs: int, bound: float = 0.0) -> None:
        super().__init__(inputs, outputs, bias=False)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


def rotary(length: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine (T, E/2) of the angle of every position and frequency."""
    frequencies = 10_000.0 ** -(torch.arange(0, HEAD_WIDTH, 2) / HEAD_WIDTH)
    angles = torch.outer(torch.arange(length).float(), frequencies)
    return angles.cos(), angles.sin()


def rotate(x_BHTE: Tensor, cosine_TE: Tensor, sine_TE: Tensor) -> Tensor:
    """Turn each pair of units (e, e + E/2) by the angle of its position."""
    a, b = x_BHTE.chunk(2, dim=-1)
    return torch.cat((a * cosine_TE + b * sine_TE, b * cosine_TE - a * sine_TE), dim=-1)


def attend(q_BHTE: Tensor, k_BHTE: Tensor, v_BHTE: Tensor, mask_TT: Tensor) -> Tensor:
    """Causal attention."""
    if q_BHTE.is_cuda or q_BHTE.dtype == torch.float32:
        return F.scaled_dot_product_attention(q_BHTE, k_BHTE, v_BHTE, is_causal=True)
    # On CPUs with fast bfloat16 the plain form trains 2.5 times faster than the fused one.
    scores_BHTT = q_BHTE @ (k_BHTE.mT * HEAD_WIDTH**-0.5) + mask_TT
    return scores_BHTT.softmax(-1) @ v_BHTE


class Attention(nn.Module):
    """Self-attention; with a value embedding each token adds a learned vector to its value."""

    def __init__(self, value_embedding: bool) -> None:
        super().__init__()
        bound = (3 / WIDTH) ** 0.5
        self.qkv = Linear(WIDTH, 3 * WIDTH, bound)
        self.out = Linear(WIDTH, WIDTH)  # a layer adds nothing at the start
        self.values = self.gate = None
        if value_embedding:
            self.values = nn.Embedding(VOCAB_SIZE, WIDTH)
            nn.init.uniform_(self.values.weight, -bound, bound)
            self.gate = Linear(GATE_INPUTS, WIDTH // HEAD_WIDTH)

    def forward(self, x_BTD: Tensor, tokens_BT: Tensor, shared: tuple[Tensor, ...]) -> Tensor:
        cosine_TE, sine_TE, mask_TT = shared
        batch, length, _ = x_BTD.shape
        heads = (batch, length, -1, HEAD_WIDTH)
        q, k, v = (each.view(heads).transpose(1, 2) for each in self.qkv(x_BTD).chunk(3, dim=-1))
        if self.values is not None:
            added = self.values(tokens_BT).to(v.dtype).view(heads).transpose(1, 2)
            open_BTH = 2 * self.gate(x_BTD[..., :GATE_INPUTS]).sigmoid()
            v = v + open_BTH.transpose(1, 2).unsqueeze(-1) * added
        q, k = norm(rotate(q, cosine_TE, sine_TE)), norm(rotate(k, cosine_TE, sine_TE))
        own, other = k.chunk(2, dim=-1)
        k = torch.cat((own, previous(other)), dim=-1)  # half of a key is that of the token before
        y_BHTE = attend(q, k, v, mask_TT)
        return self.out(y_BHTE.transpose(1, 2).reshape(x_BTD.shape))


class Layer(nn.Module):
    """Attention, then an MLP with squared ReLU, each added to the stream."""

    def __init__(self, value_embedding: bool) -> None:
        super().__init__()
        self.attention = Attention(value_embedding)
        self.up = Linear(WIDTH, HIDDEN, (3 / WIDTH) ** 0.5)
        self.down = Linear(HIDDEN, WIDTH)

    def forward(self, x_BTD: Tensor, tokens_BT: Tensor, shared: tuple[Tensor, ...]) -> Tensor:
        x_BTD = x_BTD + self.attention(norm(x_BTD), tokens_BT, shared)
        return x_BTD + self.down(self.up(norm(x_BTD)).relu().square())


class GPT(nn.Module):
    """Tokens (B, T) to logits (B, T, V); to the loss, if the next tokens are given."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, WIDTH)
        self.layers = nn.ModuleList(Layer(i % 2 == (DEPTH - 1) % 2) for i in range(DEPTH))
        self.head = Linear(WIDTH, VOCAB_SIZE)
        nn.init.normal_(self.head.weight, std=0.001)
        self.previous_weights = nn.Parameter(torch.full((WIDTH,), 0.5))
        self.stream_weights = nn.Parameter(torch.ones(DEPTH))
        self.input_weights = nn.Parameter(torch.full((DEPTH,), 0.1))
        shared = (*rotary(MAX_SEQ_LEN), torch.full((MAX_SEQ_LEN,) * 2, float("-inf")).triu(1))
        for name, tensor in zip(("cosine", "sine", "mask"), shared, strict=True):
            self.register_buffer(name, tensor.to(DTYPE), persistent=False)

    def forward(
        self, tokens_BT: Tensor, targets_BT: Tensor | None = None, reduction: str = "mean"
    ) -> Tensor:
        length = tokens_BT.size(1)
        shared = (self.cosine[:length], self.sine[:length], self.mask[:length, :length])
        embedded_BTD = self.embedding(tokens_BT)
        embedded_BTD = embedded_BTD + self.previous_weights * previous(embedded_BTD)
        input_BTD = x_BTD = norm(embedded_BTD.to(DTYPE))
        for i, layer in enumerate(self.layers):
            x_BTD = self.stream_weights[i] * x_BTD + self.input_weights[i] * input_BTD
            x_BTD = layer(x_BTD.to(DTYPE), tokens_BT, shared)
        logits_BTV = self.head(norm(x_BTD)).float()
        logits_BTV = LOGIT_CAP * torch.tanh(logits_BTV / LOGIT_CAP)
        if targets_BT is None:
            return logits_BTV
        return F.cross_entropy(logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction=reduction)


# --------------------------------------------------------------------------------------------------
# The optimizers


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by five Newton-Schulz steps (Jordan et al. 2024).

    All matrices of one shape are updated together.
    """

    def __init__(self, matrices: list[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        shapes = sorted({matrix.shape for matrix in matrices})
        groups = [{"params": [each for each in matrices if each.shape == s]} for s in shapes]
        super().__init__(groups, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            matrices = group["params"]
            gradients_NFD = torch.stack([matrix.grad for matrix in matrices])
            state = self.state[matrices[0]]
            mean_NFD = state.setdefault("mean", torch.zeros_like(gradients_NFD))
            mean_NFD.lerp_(gradients_NFD, 1 - group["momentum"])
            updates_NFD = self.orthogonal(gradients_NFD.lerp(mean_NFD, group["momentum"]))
            scale = max(1.0, matrices[0].size(0) / matrices[0].size(1)) ** 0.5
            for matrix, update in zip(matrices, updates_NFD.float(), strict=True):
                matrix.add_(update, alpha=-group["lr"] * scale)

    def orthogonal(self, g_NFD: Tensor) -> Tensor:
        """Bring all singular values of each matrix near 1."""
        tall = g_NFD.size(1) > g_NFD.size(2)
        x = (g_NFD.mT if tall else g_NFD).to(DTYPE)
        x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
        for _ in range(5):
            s = x @ x.mT
            x = 3.4445 * x + (2.0315 * s @ s - 4.7750 * s) @ x
        return x.mT if tall else x


def optimizers_of(model: GPT) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers; Adam for embeddings, the output layer and scalars."""
    named = dict(model.named_parameters())
    embeddings = [p for n, p in named.items() if n.endswith(("embedding.weight", "values.weight"))]
    scalars = [p for n, p in named.items() if p.ndim == 1 or n.endswith("gate.weight")]
    taken = {id(p) for p in (*embeddings, *scalars, model.head.weight)}
    groups = [
        {"params": embeddings, "lr": EMBEDDING_LR},
        {"params": [model.head.weight], "lr": HEAD_LR},
        {"params": scalars, "lr": SCALAR_LR},
    ]
    adam = torch.optim.Adam(groups, betas=(0.8, 0.95), eps=1e-10, fused=True)
    muon = Muon([p for p in named.values() if id(p) not in taken], MATRIX_LR)
    return [adam, muon]


def set_learning_rates(optimizers: list[torch.optim.Optimizer], progress: float) -> None:
    """Constant at first, then on a straight line to zero."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            full = group.setdefault("full_lr", group["lr"])
            group["lr"] = full * min(1.0, (1 - progress) / WARM_DOWN)


# --------------------------------------------------------------------------------------------------
# The training


def main() -> None:
    model = GPT().to(DEVICE)
    optimizers = optimizers_of(model)

    # Warm up before the clock starts: the first steps allocate memory and choose kernels.
    for _ in range(2):
        noise = torch.randint(VOCAB_SIZE, (BATCH, MAX_SEQ_LEN), device=DEVICE)
        model(noise, noise).backward()
    model.zero_grad()

    run = prepare.start(model)  # the clock starts
    rows = prepare.make_dataloader(run, BATCH)
    steps, last_step = 0, 0.0
    while (progress := run.progress) + last_step < 1:  # no step that would end too late
        tokens_BT, targets_BT, _ = next(rows)
        model(tokens_BT, targets_BT).backward()
        set_learning_rates(optimizers, progress)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad()
        steps, last_step = steps + 1, run.progress - progress
    run.finish(steps=steps, tokens=steps * BATCH * MAX_SEQ_LEN)


main()
