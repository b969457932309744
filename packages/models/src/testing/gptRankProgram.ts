// One rank of the test of models with experts shared out, in a process of its own: sends the outcomes of all cases.
import { init } from '@scmoe/comm';
import { ExpertParallelDispatcher, OverlapController } from '@scmoe/layer';
import { useBackend } from '@scmoe/tensor';

import { distilledCase, rankCases, recomputeCases, runGpt, type GptOutcome, type GptRankReport } from './gptRanks.js';
import { sendResult } from '@scmoe/testing';

await useBackend('auto', { threads: 1 });
const communicator = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const outcomes: Record<string, GptOutcome> = {};
const recomputed: GptOutcome[] = [];
for (const [name, config] of Object.entries(rankCases)) {
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: config.moe!.numExperts! });
  const options = { experts: communicator, dispatcher };
  outcomes[name] = await runGpt(config, communicator.rank, options);
  if (recomputed.length > 0) continue;
  for (const recomputing of recomputeCases) {
    recomputed.push(await runGpt(config, communicator.rank, { ...options, recomputing }));
  }
}
const { numExperts } = distilledCase.moe!;
const overlap = new OverlapController({ mode: 1, experts: communicator });
const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: numExperts! });
const distilled = await runGpt(distilledCase, communicator.rank, {
  experts: communicator,
  dispatcher,
  overlap,
  teacher: distilledCase,
});
await communicator.close();
await sendResult({ outcomes, recomputed, distilled } satisfies GptRankReport);
