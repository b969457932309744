import type { JsonObject } from '../folder/openFolder.js';
import type { GgufMetadata } from './GgufMetadata.js';

/** What all families after LLaMA have in their configurations. */
export function commonConfig(metadata: GgufMetadata): JsonObject {
  const [vocabSize, hiddenSize] = metadata.shapeOf('token_embd.weight');
  const numHeads = metadata.integer('attention.head_count');
  // Said of the values, of the vocabulary and of what is computed from other keys.
  metadata.take('vocab_size');
  metadata.take('attention.value_length');
  return {
    vocab_size: vocabSize,
    hidden_size: metadata.integer('embedding_length', hiddenSize),
    num_hidden_layers: metadata.integer('block_count'),
    num_attention_heads: numHeads,
    num_key_value_heads: metadata.integer('attention.head_count_kv', numHeads),
    head_dim: headSizeOf(metadata),
    max_position_embeddings: metadata.integer('context_length'),
    intermediate_size: metadata.integer('feed_forward_length', 4 * hiddenSize!),
    rms_norm_eps: metadata.number('attention.layer_norm_rms_epsilon'),
    tie_word_embeddings: !metadata.tensors.has('output.weight'),
    bos_token_id: metadata.general('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: metadata.general('tokenizer.ggml.eos_token_id') ?? null,
    pad_token_id: metadata.general('tokenizer.ggml.padding_token_id') ?? null,
  };
}

function headSizeOf(metadata: GgufMetadata): number {
  const width = metadata.integer('embedding_length');
  return metadata.integer('attention.key_length', width / metadata.integer('attention.head_count'));
}

/**
 * The rotation of queries and keys, scaled or not.
 *
 * @throws PretrainedError for angles that are scaled in another way
 */
export function ropeConfig(metadata: GgufMetadata): JsonObject {
  const headSize = headSizeOf(metadata);
  const type = metadata.text('rope.scaling.type', 'none');
  const size = metadata.integer('rope.dimension_count', headSize);
  const turns = {
    rope_theta: metadata.number('rope.freq_base', 10000),
    // Half a component more, for the product is cut to a whole number.
    ...(size !== headSize && { partial_rotary_factor: (size + 0.5) / headSize }),
  };
  const whole = { partial_rotary_factor: 1, ...turns };
  const factor = metadata.optional('rope.scaling.factor');
  switch (type) {
    case 'none':
      return { rope_parameters: { rope_type: 'default', ...whole } };
    case 'linear':
      return { rope_parameters: { rope_type: 'linear', factor, ...whole } };
    case 'yarn':
      return { rope_parameters: { rope_type: 'yarn', factor, ...yarnOf(metadata), ...whole } };
    default:
      return metadata.fail(`${metadata.architecture}.rope.scaling.type`, 'none, linear or yarn', type);
  }
}

function yarnOf(metadata: GgufMetadata): JsonObject {
  metadata.take('rope.scaling.finetuned');
  return {
    original_max_position_embeddings: metadata.integer('rope.scaling.original_context_length'),
    beta_fast: metadata.number('rope.scaling.yarn_beta_fast', 32),
    beta_slow: metadata.number('rope.scaling.yarn_beta_slow', 1),
    attention_factor:
      metadata.optional('rope.scaling.attn_factor') ?? metadata.optional('rope.scaling.yarn_attn_factor') ?? null,
  };
}
