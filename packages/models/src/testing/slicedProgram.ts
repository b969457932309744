// One rank of the test of models in slices, in a process of its own: sends the outcomes of all cases.
import { closeRanks, factorRank, init, splitRanks } from '@scmoe/comm';
import { dispatchOver, OverlapController } from '@scmoe/layer';
import { sendResult } from '@scmoe/testing';
import { useBackend } from '@scmoe/tensor';

import { Gpt } from '../gpt/Gpt.js';
import { runGpt, slicedAheadCase, slicedCase, slicedFactors, slicedTargets, type GptOutcome } from './gptRanks.js';

/** What one rank tells: outcomes by schedule and by what is computed twice, and the message without a group. */
export interface SlicedReport {
  outcomes: Record<string, GptOutcome>;
  refused: string;
}

await useBackend('auto', { threads: 1 });
const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const ranks = await splitRanks(world, { ...slicedFactors, peers: true });
const { data, tensor: shard, experts } = factorRank(world, slicedFactors);
const outcomes: Record<string, GptOutcome> = {};
for (const schedule of ['s1', 'base', 's2', 's2-fused'] as const) {
  const pass = dispatchOver(ranks, { numExperts: slicedCase.moe!.numExperts!, schedule });
  const options = { experts, shard, ...pass };
  outcomes[schedule] = await runGpt(slicedCase, data.rank, options);
  for (const keepExchanges of ['all', 'off'] as const) {
    const recomputing = { recompute: 'block', keepExchanges } as const;
    outcomes[`${schedule}, ${keepExchanges} kept`] = await runGpt(slicedCase, data.rank, { ...options, recomputing });
  }
  // The ranks that hold slices of experts are known to each dispatcher in its own way.
  if (schedule === 's1' || schedule === 'base')
    outcomes[`adapted, ${schedule}`] = await runGpt(slicedCase, data.rank, { ...options, adapts: slicedTargets });
  if (schedule === 's1' || schedule === 's2-fused')
    outcomes[`ahead, ${schedule}`] = await runGpt(slicedAheadCase, data.rank, options);
  const overlap = new OverlapController({ mode: 1, experts: ranks.experts });
  outcomes[`${schedule}, overlapped`] = await runGpt(slicedCase, data.rank, { ...options, overlap });
}
const model = new Gpt(slicedCase, { seed: 4, experts, tensor: shard });
const { dispatcher } = dispatchOver(ranks, { numExperts: slicedCase.moe!.numExperts! });
const refused = await model.generate([1, 2], { maxNewTokens: 1, dispatcher }).catch((error: Error) => error.message);
await closeRanks(ranks);
await sendResult({ outcomes, refused: String(refused) } satisfies SlicedReport);
