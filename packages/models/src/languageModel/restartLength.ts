import type { ModelStage } from '../stages/runStage.js';

/**
 * Tokens beyond which queries and keys have another factor (LongRoPE), so that every activation of a text is another one;
 * undefined where there are none, as with the factors that are published, which are equal.
 */
export function restartLengthOf(stages: readonly ModelStage[]): number | undefined {
  for (const { config } of stages) {
    const scaling = config.rope?.scaling;
    if (scaling?.type === 'longrope' && scaling.shortMscale !== scaling.longMscale) return scaling.originalLength;
  }
  return undefined;
}
