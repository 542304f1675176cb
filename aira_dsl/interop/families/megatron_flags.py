"""Arguments of Megatron-LM that say nothing about the architecture, or about one kind of layer."""

WITHOUT_EFFECT = (
    "--spec", "--use-mcore-models", "--transformer-impl", "--is-hybrid-model",
    # Training, precision and parallelism.
    "--micro-batch-size", "--global-batch-size", "--train-iters", "--train-samples", "--lr",
    "--min-lr", "--lr-decay-style", "--lr-decay-iters", "--lr-decay-samples", "--lr-warmup-iters",
    "--lr-warmup-samples", "--lr-warmup-fraction", "--lr-wsd-decay-style", "--weight-decay",
    "--clip-grad", "--adam-beta1", "--adam-beta2", "--adam-eps", "--optimizer", "--seed",
    "--init-method-std", "--bf16", "--fp16", "--fp8-format", "--fp8-recipe", "--use-flash-attn",
    "--attention-backend", "--no-gradient-accumulation-fusion", "--no-masked-softmax-fusion",
    "--no-bias-swiglu-fusion", "--no-rope-fusion", "--no-persist-layer-norm",
    "--apply-layernorm-1p", "--attention-softmax-in-fp32", "--tensor-model-parallel-size",
    "--pipeline-model-parallel-size", "--context-parallel-size", "--sequence-parallel",
    "--use-distributed-optimizer", "--overlap-grad-reduce", "--overlap-param-gather",
    "--recompute-activations", "--recompute-granularity", "--recompute-method",
    "--recompute-num-layers", "--distributed-backend", "--manual-gc", "--num-workers",
    # How experts are trained and computed.
    "--moe-aux-loss-coeff", "--moe-z-loss-coeff", "--moe-router-load-balancing-type",
    "--moe-router-bias-update-rate", "--moe-router-dtype", "--moe-token-dispatcher-type",
    "--moe-grouped-gemm", "--moe-permute-fusion", "--moe-shared-expert-overlap",
    "--expert-model-parallel-size", "--expert-tensor-parallel-size", "--mtp-num-layers",
    "--mtp-loss-scaling-factor",
    # Data, checkpoints and logs.
    "--data-path", "--data-cache-path", "--split", "--tokenizer-type", "--tokenizer-model",
    "--vocab-file", "--merge-file", "--mock-data", "--save", "--load", "--save-interval",
    "--eval-interval", "--eval-iters", "--log-interval", "--log-throughput", "--log-progress",
    "--log-params-norm", "--log-num-zeros-in-grad", "--timing-log-level", "--tensorboard-dir",
    "--wandb-project", "--wandb-exp-name", "--ckpt-format", "--dist-ckpt-format",
    "--no-load-optim", "--no-load-rng", "--finetune", "--exit-duration-in-mins",
    "--distributed-timeout-minutes", "--no-create-attention-mask-in-dataloader",
)  # fmt: skip

FLAGS_OF = {
    "attention": (
        "--num-attention-heads", "--group-query-attention", "--num-query-groups", "--kv-channels",
        "--rotary-base", "--position-embedding-type", "--use-rotary-position-embeddings",
        "--rotary-percent", "--use-rope-scaling", "--add-qkv-bias", "--attention-output-gate",
    ),
    "mlp": ("--ffn-hidden-size", "--swiglu", "--squared-relu"),
    "moe": (
        "--num-experts", "--moe-router-topk", "--moe-ffn-hidden-size", "--moe-latent-size",
        "--moe-router-pre-softmax", "--moe-router-score-function", "--moe-router-num-groups",
        "--moe-router-group-topk", "--moe-router-topk-scaling-factor",
        "--moe-router-enable-expert-bias", "--moe-shared-expert-intermediate-size",
        "--moe-shared-expert-gate",
    ),
    "gated_delta_net": (
        "--linear-conv-kernel-dim", "--linear-key-head-dim", "--linear-value-head-dim",
        "--linear-num-key-heads", "--linear-num-value-heads",
    ),
    "mamba2": (
        "--mamba-num-heads", "--mamba-head-dim", "--mamba-state-dim", "--mamba-num-groups",
    ),
}  # fmt: skip
"""Arguments without effect where no layer is of the kind."""
