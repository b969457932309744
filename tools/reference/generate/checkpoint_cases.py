"""The configurations of the checkpoints that `make-checkpoints` draws: tiny, on purpose odd, so that an option that is not
honoured shows in the logits."""

COMMON = {
    "vocab_size": 64,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "rms_norm_eps": 2e-3,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": None,
}
WIDTHS = {"intermediate_size": 28, "moe_intermediate_size": 10}
ROUTED = {"n_routed_experts": 6, "num_experts_per_tok": 2, "n_shared_experts": 2}
LATENT = {
    "num_key_value_heads": 4,
    "kv_lora_rank": 10,
    "q_lora_rank": 11,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 6,
    "v_head_dim": 7,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 100.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 100.0,
    "short_factor": [1.0, 1.3, 1.9],
    "long_factor": [1.5, 2.5, 4.0],
    "short_mscale": 1.1,
    "long_mscale": 1.6,
    "original_max_position_embeddings": 17,
}
CASES = {
    "llama": COMMON | {"intermediate_size": 28, "head_dim": 10, "attention_bias": True, "rope_parameters": LLAMA3},
    "mistral": COMMON | {"intermediate_size": 28, "sliding_window": 5},
    "qwen2": COMMON
    | {"intermediate_size": 28, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    "qwen3": COMMON | {"intermediate_size": 28, "head_dim": 10, "attention_bias": True, "tie_word_embeddings": True},
    "olmo2": COMMON | {"intermediate_size": 28},
    "flex_olmo": COMMON | {"intermediate_size": 10, "num_experts": 6, "num_experts_per_tok": 3},
    "granitemoeshared": COMMON
    | {"intermediate_size": 10, "shared_intermediate_size": 12, "num_local_experts": 6, "num_experts_per_tok": 2}
    | {"attention_multiplier": 0.3, "embedding_multiplier": 1.5, "residual_multiplier": 0.7, "logits_scaling": 1.7},
    "deepseek_v2": COMMON
    | WIDTHS
    | ROUTED
    | LATENT
    | {"first_k_dense_replace": 1, "topk_method": "group_limited_greedy", "n_group": 3, "topk_group": 2}
    | {"routed_scaling_factor": 1.5},
    "glm4_moe": COMMON
    | WIDTHS
    | ROUTED
    | {"head_dim": 12, "attention_bias": True, "use_qk_norm": True, "first_k_dense_replace": 1}
    | {"n_group": 2, "topk_group": 1, "routed_scaling_factor": 1.5},
    "glm4_moe_lite": COMMON
    | WIDTHS
    | ROUTED
    | LATENT
    | {"mlp_layer_types": ["sparse", "dense"], "rope_interleave": False},
    "solar_open": COMMON | {"moe_intermediate_size": 10, "head_dim": 10} | ROUTED,
    "dots1": COMMON
    | WIDTHS
    | ROUTED
    | {"first_k_dense_replace": 1, "sliding_window": 5, "max_window_layers": 1, "norm_topk_prob": True},
    "hy_v3": COMMON
    | WIDTHS
    | {"head_dim": 10, "num_experts": 6, "num_experts_per_tok": 2, "num_shared_experts": 2}
    | {"router_scaling_factor": 1.5, "mlp_layer_types": ["sparse", "dense"], "attention_bias": True},
    "qwen3_5_moe_text": COMMON
    | {"head_dim": 12, "layer_types": ["linear_attention", "full_attention"], "attention_bias": True}
    | {"linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 5, "linear_value_head_dim": 6}
    | {"linear_conv_kernel_dim": 3, "num_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 10}
    | {"shared_expert_intermediate_size": 14, "partial_rotary_factor": 0.5},
    "gpt_oss-mxfp4": COMMON
    | {"hidden_size": 32, "intermediate_size": 32, "head_dim": 8, "sliding_window": 5}
    | {"num_local_experts": 4, "num_experts_per_tok": 2},
    "hunyuan_v1_moe": COMMON
    | {"intermediate_size": 10, "head_dim": 10, "attention_bias": True, "num_experts": 6, "moe_topk": [2, 2]}
    | {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 50.0, "alpha": 20.0, "factor": 1.0}},
    # Greedy texts of 14 + 8 tokens grow beyond the original length.
    "phimoe": COMMON
    | {"intermediate_size": 10, "num_local_experts": 6, "num_experts_per_tok": 2, "router_jitter_noise": 0.25}
    | {"attention_bias": True, "lm_head_bias": True, "sliding_window": 9, "rope_parameters": LONGROPE},
    "minimax_m2": COMMON
    | {"intermediate_size": 10, "head_dim": 10, "num_local_experts": 6, "num_experts_per_tok": 3}
    | {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.6}},
}
