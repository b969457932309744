import { numPartsOf } from '../axes/chunkAxes.js';
import type { RankedPlan } from './rankPlans.js';

/**
 * Why the first of two plans wins, in one sentence: by how much, and whether because less is waited for or because less is computed.
 * A lead within `error`, how far predictions were off as a share of a step, is none; `format` writes a time.
 */
export function explainChoice(
  first: RankedPlan,
  second: RankedPlan,
  { error, format }: { error?: number | undefined; format: (ms: number) => string },
): string {
  const leadMs = second.stepMs - first.stepMs;
  const names = first.stage === second.stage ? [first.name, second.name] : [full(first), full(second)];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  if (leadMs <= 1e-9 * first.stepMs)
    return `${names[0]} and ${names[1]} take the same; the first ${preference(first, second)}.`;
  const waitedMs = second.exposedMs - first.exposedMs;
  const computedMs = leadMs - waitedMs;
  const reasons = [
    ...(waitedMs > 0.01 * leadMs ? [`${format(waitedMs)} less are waited for`] : []),
    ...(waitedMs < -0.01 * leadMs ? [`${format(-waitedMs)} more are waited for`] : []),
    ...(computedMs > 0.01 * leadMs ? [`${format(computedMs)} less are computed`] : []),
    ...(computedMs < -0.01 * leadMs ? [`${format(-computedMs)} more are computed`] : []),
  ];
  const lead = `${names[0]} is ${percent(leadMs / second.stepMs)} ahead of ${names[1]}: ${reasons.join(', ')}.`;
  if (error === undefined || leadMs > error * first.stepMs) return lead;
  return `${lead} Predictions from these costs were up to ${percent(error)} off, so that either may be the quicker.`;
}

function full({ stage, name }: RankedPlan): string {
  return `${stage}, ${name}`;
}

function preference(first: RankedPlan, second: RankedPlan): string {
  if (first.choice.kind === 'sequential') return 'is the simplest';
  if (numPartsOf(first.choice) < numPartsOf(second.choice)) return 'has fewer parts';
  if (first.choice.halves < second.choice.halves) return 'leaves the stage whole';
  if (first.choice.chunks < second.choice.chunks) return 'leaves the tokens whole, so that no bit depends on it';
  return 'leaves more slack beside the tighter exchange, or has the lower slot';
}
