import { expectThat } from '@scmoe/errors';
import { sequentialPlan } from '@scmoe/scheduler';

import { overlapped } from '../plan/overlapped.js';
import type { StagePassInfo } from './OverlapController.js';
import { plannable } from './PlannedStage.js';
import type { StageExecution } from './StageExecution.js';

/** Which plan prompts follow: `middle`, half of what there is to do beside the exchanges comes before the experts; a slot; or none. */
export type PromptOverlapMode = 'middle' | 'off' | number;

/**
 * The plans of stages when ranks generate together, all from the same prompt: a pass of several tokens sends them to their experts as
 * early and waits for them as late as it can. A pass of one token is sequential: what there is to hide is latency then. Nothing is
 * measured, since a prompt is read once; no plan changes a bit.
 *
 * @throws ArgumentError for another mode; the plan throws it where a slot was given that a stage does not have
 */
export function promptOverlap(mode: PromptOverlapMode = 'middle'): {
  /** How stage number `index` of the model runs a pass. */
  stage(index: number, pass?: StagePassInfo): StageExecution;
} {
  const isSlot = typeof mode === 'number' && Number.isInteger(mode) && mode >= 0;
  expectThat(mode === 'middle' || mode === 'off' || isSlot, 'overlap', "'middle', 'off' or a slot >= 0", mode);
  return {
    stage: (_, { numTokens = 1 } = {}) => ({
      chunks: 1,
      plan: (operators) => {
        const graph = mode === 'off' || numTokens === 1 ? undefined : plannable(operators);
        if (!graph?.routed) return sequentialPlan(operators);
        return overlapped(typeof mode === 'number' ? mode : Math.floor(graph.numSlots / 2))(operators);
      },
    }),
  };
}
