"""Words of other tools (Hugging Face, Megatron-LM, OLMo-core, the Mamba code), as tables."""

SAME: dict[str, dict[str, str]] = {
    "section": {
        "architecture": "model network net lm language_model",
        "space": "search_space",
        "scale": "size",
    },
    "setting": {
        "width": "hidden_size d_model n_embd n_embed embed_dim embedding_dim embedding_size "
        "model_dim dim dim_model",
        "context": "seq_length seq_len sequence_length max_seq_len max_seq_length n_ctx "
        "n_positions max_sequence_length max_position_embeddings context_length context_size "
        "context_window",
        "vocab": "vocab_size n_vocab vocabulary_size vocabulary",
        "depth": "n_layers n_layer num_layers num_hidden_layers num_blocks n_blocks",
        "slots": "n_layers n_layer num_layers num_hidden_layers num_slots n_slots",
        "norm_eps": "rms_norm_eps layer_norm_eps layer_norm_epsilon layernorm_epsilon norm_epsilon "
        "rms_norm_epsilon eps epsilon",
        "tie_embeddings": "tie_word_embeddings tie_weights weight_tying tied_embeddings "
        "share_embeddings tie_embedding tie_lm_head share_embeddings_and_output_weights",
        "extends": "inherits include import",
        "scales": "sizes variants",
        "name": "model_name",
    },
    "attention": {
        "heads": "num_heads n_heads n_head nheads num_attention_heads num_query_heads n_q_heads "
        "q_heads query_heads attention_heads",
        "kv_heads": "num_kv_heads n_kv_heads n_kv_head num_key_value_heads num_query_groups "
        "key_value_heads num_kv_groups",
        "head_dim": "d_head head_size dim_head headdim attention_head_dim kv_channels d_kv",
        "rope": "theta rope_theta rope_base rotary_base rotary_emb_base",
        "window": "sliding_window window_size attention_window attention_window_size",
        "chunk": "attention_chunk_size chunk_size",
        "value_dim": "v_head_dim v_dim value_head_dim",
        "rotary": "partial_rotary_factor rotary_pct rotary_percent rope_fraction",
        "interleaved": "rope_interleave rotary_interleaved",
        "softcap": "attn_logit_softcapping logit_softcapping attention_softcap attn_softcap",
        "scale": "attention_multiplier softmax_scale attn_scale",
        "sinks": "attention_sinks use_sinks",
        "keys_are_values": "attention_k_eq_v k_eq_v",
        "value_scale": "attention_value_scale v_scale",
    },
    "mlp": {
        "hidden": "intermediate_size d_ff ffn_dim ff_dim d_ffn ffn_hidden_size d_hidden hidden_dim "
        "ffn_size dim_feedforward n_inner d_inner inner_dim mlp_dim d_mlp",
        "activation": "hidden_act mlp_hidden_act act_fn activation_fn activation_function "
        "hidden_activation nonlinearity ffn_activation",
        "bias": "mlp_bias use_bias add_bias_linear",
    },
    "moe": {
        "experts": "num_experts n_experts num_local_experts n_routed_experts moe_num_experts",
        "top": "top_k k topk num_experts_per_tok num_experts_per_token n_activated_experts "
        "moe_top_k experts_per_token",
        "hidden": "moe_intermediate_size expert_hidden expert_dim moe_ffn_hidden_size "
        "intermediate_size d_ff ffn_dim",
        "activation": "hidden_act act_fn mlp_hidden_act",
        "router": "scoring_func score_func gating router_type",
        "renormalize": "norm_topk_prob normalize renorm",
        "scale": "routed_scaling_factor scaling_factor moe_router_topk_scaling_factor",
        "correction_bias": "use_expert_bias e_score_correction_bias expert_bias",
        "shared": "shared_expert_intermediate_size moe_shared_expert_intermediate_size "
        "shared_expert shared_intermediate_size",
        "latent": "moe_latent_size",
        "clamp": "swiglu_limit",
    },
    "mamba2": {
        "inner": "d_inner d_ssm inner_size inner_dim intermediate_size mamba_intermediate_size",
        "state": "d_state state_size ssm_state_size mamba_d_state mamba_state_dim state_dim "
        "n_state ssm_state",
        "head_dim": "headdim d_head head_size mamba_head_dim mamba_d_head mamba_headdim",
        "conv": "d_conv conv_kernel conv_kernel_size mamba_d_conv kernel_size conv_size conv_width",
        "groups": "ngroups n_groups num_groups mamba_n_groups mamba_num_groups",
        "conv_bias": "use_conv_bias mamba_conv_bias",
        "bias": "use_bias mamba_proj_bias",
        "dt_min": "time_step_min",
        "dt_max": "time_step_max",
    },
    "mamba1": {
        "inner": "d_inner inner_size inner_dim intermediate_size mamba_intermediate_size",
        "state": "d_state state_size ssm_state_size mamba_d_state state_dim d_ssm_state",
        "conv": "d_conv conv_kernel conv_kernel_size mamba_d_conv kernel_size conv_size",
        "dt_rank": "time_step_rank mamba_dt_rank",
        "norm_eps": "mixer_rms_eps",
        "conv_bias": "use_conv_bias mamba_conv_bias",
        "bias": "use_bias mamba_proj_bias",
    },
    "gated_delta_net": {
        "key_heads": "linear_num_key_heads num_k_heads num_key_heads",
        "value_heads": "linear_num_value_heads num_v_heads num_value_heads",
        "key_dim": "linear_key_head_dim head_k_dim key_head_dim",
        "value_dim": "linear_value_head_dim head_v_dim value_head_dim",
        "conv": "linear_conv_kernel_dim d_conv conv_kernel conv_kernel_size conv_size kernel_size",
        "negative_eigenvalues": "linear_allow_neg_eigval allow_neg_eigval",
    },
    "kda": {
        "heads": "linear_num_heads num_heads n_heads",
        "head_dim": "linear_head_dim d_head head_size",
        "conv": "linear_conv_kernel_dim short_conv_kernel_size d_conv conv_kernel conv_size",
        "lower_bound": "linear_lower_bound kda_lower_bound gate_lower_bound",
    },
    "short_conv": {
        "conv": "conv_l_cache d_conv conv_kernel conv_kernel_size kernel kernel_size conv_size",
        "inner": "d_inner inner_size inner_dim conv_dim",
        "bias": "conv_bias use_bias",
    },
    "mla": {
        "heads": "num_heads n_heads n_head num_attention_heads",
        "q_rank": "q_lora_rank",
        "kv_rank": "kv_lora_rank",
        "nope_dim": "qk_nope_head_dim nope_head_dim",
        "rope_dim": "qk_rope_head_dim rope_head_dim",
        "value_dim": "v_head_dim",
        "rope": "theta rope_theta rope_base rotary_base",
        "interleaved": "rope_interleave rope_interleaved",
    },
    "rg_lru": {
        "inner": "lru_width d_inner inner_size inner_dim",
        "heads": "num_heads n_heads num_attention_heads num_blocks",
        "conv": "conv1d_width d_conv conv_kernel conv_kernel_size kernel_size",
    },
    "linear_attention": {
        "heads": "num_heads n_heads n_head num_attention_heads",
        "head_dim": "d_head head_size dim_head",
    },
    "kind": {
        "attention": "mha multi_head_attention multihead_attention self_attention full_attention "
        "softmax_attention causal_attention causal_self_attention sdpa global_attention",
        "mlp": "ffn feed_forward feedforward feed_forward_network",
        "mamba1": "mamba_1 s6 selective_ssm",
        "moe": "mo_e mixture_of_experts sparse_moe moe_mlp experts",
        "mamba2": "mamba_2 ssd mamba2_mixer mamba_2_mixer",
        "gated_delta_net": "gdn gated_deltanet gateddeltanet gated_delta_rule deltanet delta_net",
        "kda": "kimi_delta_attention kimi_delta_rule",
        "short_conv": "conv conv1d convolution short_convolution gated_short_conv",
        "rg_lru": "rglru lru real_gated_lru griffin hawk",
        "linear_attention": "lightning_attention lightning lightning_attention_2",
        "mla": "latent_attention multi_head_latent_attention multihead_latent_attention",
    },
    "value": {
        "relu2": "relu_squared squared_relu relu_2 sq_relu",
        "swiglu": "swi_glu silu_glu",
        "geglu": "ge_glu",
        "reglu": "re_glu",
        "silu": "swish",
    },
}
"""By place and by our word: words with the same meaning and the same values."""

_NO_TIE = "the setting is its opposite, `tie_embeddings`: true ties, false, the default, does not"
_ORDER = "the order of the layers is a pattern of block names: `layers 5×(2A-M)-A`"
_EXPAND = "write the inner width itself: `inner` is expand × width"
_GLU = "is not in the language; gated activations are `swiglu`, `geglu` and `reglu`"
_APPROXIMATE = "`gelu` is the exact one; approximations are not in the language"

TOLD: dict[str, dict[str, str]] = {
    "section": {},
    "setting": {
        "untie_embeddings untie_embeddings_and_output_weights untie_word_embeddings untied "
        "untied_embeddings no_tie_embeddings": _NO_TIE,
        "hybrid_override_pattern hybrid_layer_pattern hybrid_pattern layer_pattern "
        "block_pattern layer_types layers_block_type pattern_layers": _ORDER,
        "bias use_bias dropout hidden_dropout attention_dropout": "no layer has biases or dropout",
    },
    "attention": {
        "qkv_bias add_qkv_bias": "biases of queries, keys and values are `bias qkv`",
        "attention_bias use_bias": "biases of all projections are `bias all`, of some `bias qkv`",
        "use_qk_norm qk_layernorm": (
            "queries and keys are normalized by `qk_norm head`, or `qk_norm width`"
        ),
        "gated attention_gate output_gate use_attention_gate attn_output_gate": (
            "the output is gated by `gate head`, or `gate element`"
        ),
    },
    "mlp": {
        "hidden_size": "`hidden` counts the hidden units; `width`, a setting, is the model's",
        "gated glu": "a gated MLP has `activation swiglu`",
    },
    "mamba1": {"expand mamba_expand expansion expansion_factor": _EXPAND},
    "moe": {
        "n_shared_experts num_shared_experts": (
            "`shared` is the hidden units of all shared experts together: their number × hidden"
        ),
        "aux_loss router_aux_loss_coef load_balancing aux_loss_coef": (
            "the loss for balance between experts is an option of `aira-dsl train`: --balance-loss"
        ),
        "capacity_factor capacity": "no token is dropped: experts have no capacity",
    },
    "mamba2": {
        "expand mamba_expand expansion expansion_factor": _EXPAND,
        "heads num_heads n_heads nheads mamba_num_heads mamba_n_heads": (
            "there are inner / head_dim heads: give `inner` and `head_dim`"
        ),
        "chunk_size chunk mamba_chunk_size": "the chunk is chosen for speed, and not written",
    },
    "kind": {
        "gqa grouped_query_attention": (
            "grouped-query attention has fewer kv_heads: `attention { heads 16, kv_heads 4 }`"
        ),
        "swa sliding_window sliding_attention sliding_window_attention local_attention": (
            "attention over the last tokens is `attention { window 4096 }`"
        ),
        "chunked_attention": "attention within chunks is `attention { chunk 8192 }`",
        "mqa multi_query_attention": "multi-query attention is `attention { kv_heads 1 }`",
        "swiglu swi_glu gated_mlp": "SwiGLU is `mlp { activation swiglu }`",
        "geglu ge_glu": "GeGLU is `mlp { activation geglu }`",
        "reglu re_glu": "ReGLU is `mlp { activation reglu }`",
        "mamba ssm mamba_mixer": "Mamba-1 is `mamba1`, Mamba-2 is `mamba2`",
        "linear dense projection": (
            "a projection is not a layer: `mlp` has two, and attention without softmax is "
            "`linear_attention`"
        ),
        "retnet retention": (
            "RetNet without rotation is `linear_attention { feature identity, decay retention, "
            "gate silu, output_norm head }`"
        ),
    },
    "value": {
        "glu gated sigmoid_glu": f"the sigmoid gate {_GLU}",
        "gelu_new gelu_tanh gelu_pytorch_tanh gelu_fast gelu_approx quick_gelu": _APPROXIMATE,
    },
}
"""By place: words that need a sentence, because a word of ours is not the same."""

ABSENT = {
    "gated linear attention": ("gla", "gla gated_linear_attention"),
    "RWKV": ("rwkv", "rwkv rwkv4 rwkv5 rwkv6 rwkv7"),
    "S4": ("s4", "s4 s4d s5 h3 dss"),
    "Hyena": ("hyena", "hyena"),
    "a recurrent network": ("rnn", "rnn lstm gru xlstm mlstm slstm recurrent"),
    "cross-attention": ("cross_attention", "cross_attention"),
    "a norm, which every layer has by itself,": ("norm", "norm rmsnorm rms_norm layernorm"),
}
"""Layers that other tools have: the kind that would be theirs here, and their names."""

OTHER_ACTIVATIONS = (
    "celu elu selu crelu prelu rrelu relu6 leaky_relu hardswish hard_swish hardtanh mish tanh "
    "sigmoid softplus softmax identity linear star_relu laplace"
)
"""Activations that other tools have and the language does not."""
