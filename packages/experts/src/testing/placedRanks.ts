// One rank of the test of placed experts, in a process of its own: measures its text with a share of the experts.
import { init } from '@scmoe/comm';
import { configOfSettings, type Routing } from '@scmoe/gating';
import { expertShard, ExpertParallelDispatcher, isExpertParameter } from '@scmoe/layer';
import { sendResult } from '@scmoe/testing';
import { restoreVariables, sequentialTokenBatches, shardStored } from '@scmoe/trainer';
import { Gpt, gptOptions, moeOptions, type GptConfig, type MoeConfig } from '@scmoe/models';
import * as tf from '@tensorflow/tfjs';

import { openLanguageModel, openStoredExperts, openText, startBackend } from '../index.js';

/** What a rank has seen of a checkpoint. */
export interface RankOutcome {
  rows: number;
  remoteRows: number;
  losses: number[];
}

/** Counts the rows that leave this rank. */
class CountingDispatcher extends ExpertParallelDispatcher {
  rows = 0;
  remoteRows = 0;

  constructor(private readonly place: { communicator: Awaited<ReturnType<typeof init>>; numExperts: number }) {
    super(place);
  }

  override startDispatch(packed: tf.Tensor2D, routing: Routing) {
    const { communicator, numExperts } = this.place;
    const { first, count } = expertShard(numExperts, communicator);
    routing.counts.dataSync().forEach((rows: number, expert: number) => {
      this.rows += rows;
      if (expert < first || expert >= first + count) this.remoteRows += rows;
    });
    return super.startDispatch(packed, routing);
  }
}

await startBackend({ threads: 1 });
const communicator = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const { checkpoints, texts } = JSON.parse(process.env['PLACED_TEST']!) as { checkpoints: string[]; texts: string[] };
const outcomes: RankOutcome[] = [];
for (const path of checkpoints) {
  const stored = await openStoredExperts(path);
  const { index, parameters, dataDescription } = stored.checkpoint;
  const whole = (await openLanguageModel(stored))!;
  const text = (await openText(stored, whole.tokenizer, texts[communicator.rank]))!;
  whole.model.dispose();
  const moe = configOfSettings(moeOptions, index.config) as unknown as MoeConfig;
  const config = configOfSettings(gptOptions, index.config) as unknown as GptConfig;
  const vocabSize = dataDescription['vocabSize'] as number;
  const model = new Gpt({ ...config, vocabSize, moe }, { seed: 1, experts: communicator });
  const own = { rank: communicator.rank, size: communicator.size, isSharded: isExpertParameter };
  restoreVariables({ ...model.variables, ...model.buffers }, shardStored(parameters, own));
  const dispatcher = new CountingDispatcher({ communicator, numExperts: model.numExperts });
  const losses: number[] = [];
  const shape = { batchSize: 4, sequenceLength: 32, maxBatches: 2 };
  for (const { batch } of sequentialTokenBatches(text.heldOut, shape)) {
    tf.tidy(() => losses.push(model.loss(batch, { dispatcher }).crossEntropy.dataSync()[0]!));
    tf.dispose(batch);
  }
  model.dispose();
  outcomes.push({ rows: dispatcher.rows, remoteRows: dispatcher.remoteRows, losses });
}
await communicator.close();
await sendResult(outcomes);
