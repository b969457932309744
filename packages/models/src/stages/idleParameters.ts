import { countParameters, type ParameterSpecs } from '@scmoe/layer';

import type { ModelStage } from './runStage.js';

/** Parameters of experts that a token does not visit of a whole model. */
export function idleParameters(stages: readonly ModelStage[], specs: ParameterSpecs): number {
  return stages.reduce((sum, { name: stage, config: { moe } }) => {
    if (!moe) return sum;
    const own = Object.entries(specs).filter(([name]) => name.startsWith(`${stage}.experts.`));
    // DGMoE chooses twice. Choices of experts that compute nothing count as if they did: they vary from token to token.
    const visited = Math.min(moe.numExperts, moe.dual ? 2 * moe.topK : moe.topK);
    return sum + countParameters(Object.fromEntries(own)) * (1 - visited / moe.numExperts);
  }, 0);
}
