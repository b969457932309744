import type { JsonObject } from '../folder/openFolder.js';
import { commonConfig, ropeConfig } from './commonConfig.js';
import type { GgufMetadata } from './GgufMetadata.js';

/** How llama.cpp writes a family: its configuration, and where its tensors differ from those of the others. */
export interface GgufArchitecture {
  /** The `config.json` that transformers has for such a model. */
  config(metadata: GgufMetadata): JsonObject;
  /** Rows of queries and keys were put in the order in which neighbours turn together. */
  isPermuted?: boolean;
  /** Experts are (E, in, out) in memory, columns of gate and up taking turns, and have biases. */
  hasInterleavedExperts?: boolean;
  /** Names in memory of what llama.cpp calls so, where they are not those of most families. */
  names?: Readonly<Record<string, string>>;
}

const has = ({ tensors }: GgufMetadata, name: string) => tensors.has(name);

/** Whether a layer's projection has biases. */
const biasOf = (metadata: GgufMetadata, projection: 'q' | 'output') => has(metadata, `blk.0.attn_${projection}.bias`);

/** Counts of routed experts and their width, which the tensors settle where keys say nothing. */
function expertsIn(metadata: GgufMetadata, count: string) {
  metadata.optional('expert_feed_forward_length');
  const first = [...metadata.tensors].find(([name]) => /\.ffn_(up|gate_up)_exps\.weight$/.test(name));
  const rows = first?.[1].shape.at(-2) ?? 0;
  return {
    [count]: metadata.integer('expert_count'),
    num_experts_per_tok: metadata.integer('expert_used_count'),
    expertHidden: first?.[0].includes('gate_up') ? rows / 2 : rows,
  };
}

/** Which of the layers have no experts. */
function denseLayers(metadata: GgufMetadata): number[] {
  const numLayers = metadata.integer('block_count');
  const layers = Array.from({ length: numLayers }, (_, layer) => layer);
  return layers.filter((layer) => !has(metadata, `blk.${layer}.ffn_gate_inp.weight`));
}

/** DeepSeek-V3's experts, as its kin have them. */
function biasedExperts(metadata: GgufMetadata): JsonObject {
  const { expertHidden, ...experts } = expertsIn(metadata, 'n_routed_experts');
  const gating = metadata.integer('expert_gating_func', 2);
  // 1 is softmax, which these families have not.
  if (gating !== 2) metadata.fail('expert_gating_func', '2, sigmoid', gating);
  metadata.take('expert_shared_feed_forward_length');
  return {
    ...experts,
    moe_intermediate_size: expertHidden,
    n_shared_experts: metadata.integer('expert_shared_count', 0),
    first_k_dense_replace: metadata.integer('leading_dense_block_count', 0),
    n_group: metadata.integer('expert_group_count', 1),
    topk_group: metadata.integer('expert_group_used_count', 1),
    norm_topk_prob: metadata.boolean('expert_weights_norm', true),
    routed_scaling_factor: metadata.number('expert_weights_scale', 1),
  };
}

const llama: GgufArchitecture = {
  // Mixtral goes by the same name.
  config(metadata) {
    const common = commonConfig(metadata);
    if ((metadata.optional('expert_count') ?? 0) === 0) {
      const attentionBias = biasOf(metadata, 'output');
      return {
        model_type: 'llama',
        ...common,
        ...ropeConfig(metadata),
        attention_bias: attentionBias,
        mlp_bias: false,
      };
    }
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_local_experts');
    const window = metadata.optional('attention.sliding_window') ?? null;
    return {
      ...{ model_type: 'mixtral', ...common, ...ropeConfig(metadata), ...experts },
      intermediate_size: expertHidden,
      sliding_window: window,
    };
  },
  isPermuted: true,
};

const qwen2: GgufArchitecture = {
  config: (metadata) => ({ model_type: 'qwen2', ...commonConfig(metadata), ...ropeConfig(metadata) }),
};

const qwen2Moe: GgufArchitecture = {
  config(metadata) {
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_experts');
    const shared = metadata.shapeOf(`blk.0.ffn_up_shexp.weight`)[0];
    metadata.take('expert_shared_feed_forward_length');
    return {
      ...{ model_type: 'qwen2_moe', ...commonConfig(metadata), ...ropeConfig(metadata), ...experts },
      qkv_bias: biasOf(metadata, 'q'),
      moe_intermediate_size: expertHidden,
      shared_expert_intermediate_size: shared,
      norm_topk_prob: metadata.boolean('expert_weights_norm', false),
      mlp_only_layers: denseLayers(metadata),
    };
  },
  names: {
    ffn_gate_shexp: 'mlp.shared_expert.gate_proj',
    ffn_up_shexp: 'mlp.shared_expert.up_proj',
    ffn_down_shexp: 'mlp.shared_expert.down_proj',
  },
};

const qwen3: GgufArchitecture = {
  config: (metadata) => ({
    ...{ model_type: 'qwen3', ...commonConfig(metadata), ...ropeConfig(metadata) },
    attention_bias: biasOf(metadata, 'q'),
  }),
};

const qwen3Moe: GgufArchitecture = {
  config(metadata) {
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_experts');
    return {
      ...{ model_type: 'qwen3_moe', ...commonConfig(metadata), ...ropeConfig(metadata), ...experts },
      attention_bias: biasOf(metadata, 'q'),
      moe_intermediate_size: expertHidden,
      // llama.cpp divides by the sum whatever the file says, and most files say nothing.
      norm_topk_prob: metadata.boolean('expert_weights_norm', true),
      mlp_only_layers: denseLayers(metadata),
    };
  },
};

const olmo2: GgufArchitecture = {
  config: (metadata) => ({
    ...{ model_type: 'olmo2', ...commonConfig(metadata), ...ropeConfig(metadata) },
    attention_bias: biasOf(metadata, 'q'),
  }),
};

const olmoe: GgufArchitecture = {
  config(metadata) {
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_experts');
    return {
      ...{ model_type: 'olmoe', ...commonConfig(metadata), ...ropeConfig(metadata), ...experts },
      intermediate_size: expertHidden,
      attention_bias: biasOf(metadata, 'q'),
      clip_qkv: metadata.optional('attention.clamp_kqv') ?? null,
      norm_topk_prob: metadata.boolean('expert_weights_norm', false),
    };
  },
};

const granite: GgufArchitecture = {
  config(metadata) {
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_local_experts');
    const shared = metadata.tensors.get('blk.0.ffn_up_shexp.weight')?.shape[0];
    metadata.take('expert_shared_feed_forward_length');
    return {
      ...{ ...commonConfig(metadata), ...ropeConfig(metadata), ...experts },
      ...(shared === undefined
        ? { model_type: 'granitemoe' }
        : { model_type: 'granitemoeshared', shared_intermediate_size: shared }),
      intermediate_size: expertHidden,
      attention_bias: biasOf(metadata, 'q'),
      attention_multiplier: metadata.number('attention.scale'),
      embedding_multiplier: metadata.number('embedding_scale', 1),
      residual_multiplier: metadata.number('residual_scale', 1),
      logits_scaling: metadata.number('logit_scale', 1),
    };
  },
  isPermuted: true,
  names: {
    ffn_gate_inp: 'block_sparse_moe.router',
    experts: 'block_sparse_moe.experts',
    shared_gate_up: 'shared_mlp.input_linear.weight',
    ffn_down_shexp: 'shared_mlp.output_linear',
  },
};

const glm4Moe: GgufArchitecture = {
  config(metadata) {
    const predicting = metadata.integer('nextn_predict_layers', 0);
    const common = commonConfig(metadata);
    return {
      ...{ model_type: 'glm4_moe', ...common, ...ropeConfig(metadata), ...biasedExperts(metadata) },
      num_hidden_layers: (common['num_hidden_layers'] as number) - predicting,
      attention_bias: biasOf(metadata, 'q'),
      use_qk_norm: has(metadata, 'blk.0.attn_q_norm.weight'),
    };
  },
};

const dots1: GgufArchitecture = {
  config: (metadata) => ({
    ...{ model_type: 'dots1', ...commonConfig(metadata), ...ropeConfig(metadata), ...biasedExperts(metadata) },
    attention_bias: biasOf(metadata, 'q'),
    // llama.cpp writes no windows of it.
    sliding_window: null,
  }),
};

const minimaxM2: GgufArchitecture = {
  config(metadata) {
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_local_experts');
    metadata.take('expert_gating_func');
    return {
      ...{ model_type: 'minimax_m2', ...commonConfig(metadata), ...ropeConfig(metadata), ...experts },
      intermediate_size: expertHidden,
    };
  },
  names: { exp_probs_b: 'mlp.e_score_correction_bias' },
};

const gptOss: GgufArchitecture = {
  config(metadata) {
    const { expertHidden, ...experts } = expertsIn(metadata, 'num_local_experts');
    const { rope_parameters: rope } = ropeConfig(metadata) as { rope_parameters: object };
    return {
      ...{ model_type: 'gpt_oss', ...commonConfig(metadata), ...experts },
      // What the family has of it, and no file says.
      rope_parameters: { ...rope, truncate: false },
      intermediate_size: expertHidden,
      attention_bias: biasOf(metadata, 'q'),
      sliding_window: metadata.integer('attention.sliding_window'),
    };
  },
  hasInterleavedExperts: true,
  names: { ffn_gate_inp: 'mlp.router' },
};

/** The architectures that are read, by `general.architecture`. */
export const ggufArchitectures: Readonly<Record<string, GgufArchitecture>> = {
  llama,
  qwen2,
  qwen2moe: qwen2Moe,
  qwen3,
  qwen3moe: qwen3Moe,
  olmo2,
  olmoe,
  granitemoe: granite,
  glm4moe: glm4Moe,
  dots1,
  'minimax-m2': minimaxM2,
  'gpt-oss': gptOss,
};
