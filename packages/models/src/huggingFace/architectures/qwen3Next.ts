import {
  deltaRules,
  projection,
  readDeltaBackbone,
  readSharedExperts,
  withoutFurtherTokens,
  writeDeltaBackbone,
  writeSharedExperts,
} from './deltaLayers.js';
import { readSparseSteps, writeSparseSteps } from './experts.js';
import { gptArchitecture } from './gptArchitecture.js';
import { llamaLikeFamily } from './llamaLike.js';
import { expertsOf } from './requirements.js';

/** Qwen3-Next: three gated delta networks to one gated attention, and a gated shared expert beside the routed ones. */
export const qwen3Next = gptArchitecture({
  ...llamaLikeFamily,
  modelType: 'qwen3_next',
  className: 'Qwen3NextForCausalLM',

  readConfig(config) {
    const backbone = readDeltaBackbone(config);
    const experts = {
      numExperts: 512,
      topK: 10,
      blocks: readSparseSteps(config, backbone),
      normalizeWeights: config.boolean('norm_topk_prob', true),
    };
    return { ...backbone, moe: readSharedExperts(config, experts) };
  },

  writeConfig(config) {
    const { normalizeWeights } = expertsOf(config, 'shared', { normalizeWeights: null });
    return {
      ...writeDeltaBackbone(config),
      ...writeSharedExperts(config),
      ...writeSparseSteps(config),
      norm_topk_prob: normalizeWeights,
    };
  },

  published: withoutFurtherTokens,

  // Key head by key head: its query and key, then the values and gates of the value heads that it serves.
  rules: (config) => {
    const { numKeyHeads } = config.gatedDelta!;
    return deltaRules(config, [
      projection(['wq', 'wk', 'wv', 'wg'], 'in_proj_qkvz', numKeyHeads),
      projection(['wBeta', 'wDecay'], 'in_proj_ba', numKeyHeads),
    ]);
  },
});
