import { expectThat } from '@scmoe/errors';

import { Float } from '../config/Float.js';
import { same, transposed } from '../tensors/TensorRule.js';
import { gptArchitecture } from './gptArchitecture.js';
import { backboneOf, denseOnly, expectFamily } from './requirements.js';

const activations = { gelu_new: 'gelu_tanh', gelu_pytorch_tanh: 'gelu_tanh', gelu: 'gelu' } as const;

/** GPT-2 (Radford et al. 2019): learned positions, LayerNorm, tanh-GELU, biases, tied embeddings. */
export const gpt2 = gptArchitecture({
  modelType: 'gpt2',
  className: 'GPT2LMHeadModel',
  prefix: 'transformer.',

  readConfig(config) {
    config.only('scale_attn_weights', true);
    config.only('scale_attn_by_inverse_layer_idx', false);
    config.only('add_cross_attention', false);
    config.skip('reorder_and_upcast_attn', 'n_ctx', 'attn_pdrop', 'embd_pdrop', 'resid_pdrop');
    config.skip('summary_activation', 'summary_first_dropout', 'summary_proj_to_labels', 'summary_type');
    config.skip('summary_use_proj');
    const dModel = config.integer('n_embd');
    return {
      vocabSize: config.integer('vocab_size'),
      numLayers: config.count('n_layer'),
      dModel,
      numHeads: config.integer('n_head'),
      sequenceLength: config.integer('n_positions'),
      ffnHidden: config.integer('n_inner', 4 * dModel),
      positionEncoding: 'learned',
      tiedEmbeddings: config.boolean('tie_word_embeddings', true),
      norm: 'layer',
      normEpsilon: config.positive('layer_norm_epsilon', 1e-5),
      attentionBias: true,
      activation: config.oneOf('activation_function', activations, 'gelu_new'),
      placement: 'every',
    };
  },

  writeConfig(config) {
    denseOnly(config);
    expectFamily(config);
    const { numHeads, numKvHeads, ffnHidden, ffnBias, activation, attentionBias, dropout } = backboneOf(config);
    expectThat(config.positionEncoding === 'learned', 'positionEncoding', 'learned', config.positionEncoding);
    expectThat(config.norm === 'layer', 'norm', 'layer', config.norm);
    expectThat(activation.startsWith('gelu'), 'activation', 'gelu or gelu_tanh', activation);
    expectThat(attentionBias === true, 'attentionBias', 'true', attentionBias);
    expectThat(ffnBias, 'ffnBias', 'true', ffnBias);
    expectThat(numKvHeads === numHeads, 'numKvHeads', `numHeads = ${numHeads}`, numKvHeads);
    return {
      activation_function: activation === 'gelu_tanh' ? 'gelu_new' : 'gelu',
      attn_pdrop: new Float(0),
      bos_token_id: null,
      embd_pdrop: new Float(dropout),
      eos_token_id: null,
      layer_norm_epsilon: new Float(config.normEpsilon),
      n_embd: config.dModel,
      n_head: numHeads,
      n_inner: ffnHidden,
      n_layer: config.numLayers,
      n_positions: config.sequenceLength,
      resid_pdrop: new Float(dropout),
      tie_word_embeddings: config.tiedEmbeddings,
      vocab_size: config.vocabSize,
    };
  },

  // The masks of older versions.
  isUnused: (name) => /(^|\.)h\.\d+\.attn\.(bias|masked_bias)$/.test(name),
  tied: { embedding: 'transformer.wte.weight', head: 'lm_head.weight' },

  // Weights are (in, out), unlike those of all others.
  rules: [
    same('embedding', 'transformer.wte.weight'),
    same('positions', 'transformer.wpe.weight'),
    same('block{layer}.normAttn.weight', 'transformer.h.{layer}.ln_1.weight'),
    same('block{layer}.normAttn.bias', 'transformer.h.{layer}.ln_1.bias'),
    same(
      ['block{layer}.attn.wq', 'block{layer}.attn.wk', 'block{layer}.attn.wv'],
      'transformer.h.{layer}.attn.c_attn.weight',
    ),
    same(
      ['block{layer}.attn.bq', 'block{layer}.attn.bk', 'block{layer}.attn.bv'],
      'transformer.h.{layer}.attn.c_attn.bias',
    ),
    same('block{layer}.attn.wo', 'transformer.h.{layer}.attn.c_proj.weight'),
    same('block{layer}.attn.bo', 'transformer.h.{layer}.attn.c_proj.bias'),
    same('block{layer}.normMlp.weight', 'transformer.h.{layer}.ln_2.weight'),
    same('block{layer}.normMlp.bias', 'transformer.h.{layer}.ln_2.bias'),
    same('block{layer}.mlp.w1', 'transformer.h.{layer}.mlp.c_fc.weight'),
    same('block{layer}.mlp.b1', 'transformer.h.{layer}.mlp.c_fc.bias'),
    same('block{layer}.mlp.w2', 'transformer.h.{layer}.mlp.c_proj.weight'),
    same('block{layer}.mlp.b2', 'transformer.h.{layer}.mlp.c_proj.bias'),
    same('normFinal.weight', 'transformer.ln_f.weight'),
    same('normFinal.bias', 'transformer.ln_f.bias'),
    transposed('head.weight', 'lm_head.weight'),
  ],
});
