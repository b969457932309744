// One rank of the test of a ViT with experts shared out, in a process of its own: sends the outcomes of all cases.
import { init } from '@scmoe/comm';
import { ExpertParallelDispatcher } from '@scmoe/layer';
import { useBackend } from '@scmoe/tensor';
import { sendResult } from '@scmoe/testing';

import type { TrainingOutcome } from './expectSameTraining.js';
import { runVit, vitCases } from './vitRanks.js';

await useBackend('auto', { threads: 1 });
const communicator = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const outcomes: Record<string, TrainingOutcome> = {};
for (const [name, config] of Object.entries(vitCases)) {
  const dispatcher = new ExpertParallelDispatcher({ communicator, numExperts: config.moe!.numExperts! });
  outcomes[name] = runVit(config, communicator.rank, { experts: communicator, dispatcher });
}
await communicator.close();
await sendResult(outcomes);
