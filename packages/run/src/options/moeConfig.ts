import type { MoeConfig } from '@scmoe/models';

import type { ExpertSettings } from './expertOptions.js';

/** The experts of a model from a command's settings; what is not given is the model's own default. */
export function moeConfig(settings: ExpertSettings): MoeConfig {
  const { loadBalance, sequenceBalance, importance, zLoss, ...others } = settings;
  return withoutUndefined({
    kind: others.kind,
    position: others.position,
    firstPosition: others.firstPosition,
    mix: others.mix,
    shortcutNorm: others.shortcutNorm,
    postNorm: others.postNorm,
    numExperts: others.numExperts,
    topK: others.topK,
    expertHidden: others.expertHidden,
    sharedHidden: others.sharedHidden,
    capacityFactor: others.capacityFactor,
    minCapacity: others.minCapacity,
    dropPolicy: others.dropPolicy,
    scoreFunction: others.scoreFunction,
    logits: others.logits,
    noisy: others.noisy,
    jitter: others.jitter,
    numGroups: others.numGroups,
    topKGroups: others.topKGroups,
    routedScalingFactor: others.routedScalingFactor,
    numZeroExperts: others.numZeroExperts,
    correctionBias: others.correctionBias,
    loadBalanceCoefficient: loadBalance,
    sequenceBalanceCoefficient: sequenceBalance,
    importanceCoefficient: importance,
    zLossCoefficient: zLoss,
  });
}

/** The same record without the names that nothing was given for: an explicit undefined would hide a default. */
export function withoutUndefined<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
