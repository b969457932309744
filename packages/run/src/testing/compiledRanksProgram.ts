// One rank of the test of recorded steps on several ranks, in a process of its own: sends the outcomes of all cases.
import { init } from '@scmoe/comm';
import { dispatchOver, isExpertParameter, OverlapController } from '@scmoe/layer';
import { Gpt } from '@scmoe/models';
import { AdamW, type CompileFunction, haveSameBits, useBackend } from '@scmoe/tensor';
import {
  compiledExecution,
  createRankGroups,
  eagerExecution,
  type RankGroups,
  randomTokenBatches,
  type StepExecution,
  type TokenBatch,
  train,
  type Trainable,
} from '@scmoe/trainer';
import { sendResult } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { trainable } from '../training/trainable.js';
import { type CompiledRanksReport, compiledRankCases, type RankCase } from './compiledRankCases.js';

const world = await init({ engine: 'gloo', timeoutMs: 120_000, silenceMs: 60_000 });
const sequence = { ids: Uint16Array.from({ length: 400 }, (_, i) => (i * i + (i >> 3)) % 17), numBytes: 400 };
const drawBatch = randomTokenBatches(sequence, { batchSize: 2, sequenceLength: 8, seed: 1 });
const steps = 4;

type Execute = (model: Trainable<TokenBatch>, optimizer: AdamW) => StepExecution<TokenBatch>;

const eager: Execute = (model, optimizer) => eagerExecution(model, optimizer);
// A bucket holds a few gradients: the first ones leave while the rest is computed.
const recorded =
  (compile: CompileFunction): Execute =>
  (model, optimizer) =>
    compiledExecution(model, optimizer, compile, { handOutBytes: 4096 });

/** A model in training, which can stop and go on elsewhere. */
class Run {
  readonly losses: number[] = [];
  readonly norms: number[] = [];
  readonly optimizer = new AdamW();
  readonly model: Gpt;
  private readonly groups: RankGroups;
  private readonly accumulate: number;
  private readonly execution: StepExecution<TokenBatch>;
  private readonly trained: Trainable<TokenBatch>;

  constructor({ config, slot, accumulate }: RankCase, groups: RankGroups, execute: Execute) {
    this.groups = groups;
    this.accumulate = accumulate;
    const { numExperts } = config.moe! as { numExperts: number };
    const { rank, size } = groups.experts;
    this.model = new Gpt(config, { seed: 5, experts: { rank, size } });
    const overlap = new OverlapController({ mode: slot, experts: groups.experts, observes: false });
    this.trained = trainable<TokenBatch, never>(this.model as never, {
      ...(size > 1 && dispatchOver(groups, { numExperts })),
      overlap,
    });
    this.execution = execute(this.trained, this.optimizer);
  }

  async upTo(end: number, startStep = 0): Promise<this> {
    await train({
      model: this.trained,
      optimizer: this.optimizer,
      execution: this.execution,
      drawBatch,
      learningRate: (index) => 0.01 / (index + 1),
      steps: end,
      startStep,
      accumulate: this.accumulate,
      groups: this.groups,
      isSharded: isExpertParameter,
      bucketBytes: 4096,
      onStep: ({ loss, gradientNorm }) => {
        this.losses.push(loss);
        this.norms.push(gradientNorm);
      },
    });
    return this;
  }

  /** A run that goes on where this one has come. */
  copied(rankCase: RankCase, execute: Execute): Run {
    const copy = new Run(rankCase, this.groups, execute);
    for (const [name, variable] of Object.entries(copy.model.variables)) {
      const value = tf.tensor(this.model.variables[name]!.dataSync().slice(), variable.shape);
      variable.assign(value);
      value.dispose();
    }
    const state = Object.entries(this.optimizer.state()).map(([name, tensor]) => [
      name,
      tf.tensor(tensor.dataSync().slice(), tensor.shape),
    ]);
    copy.optimizer.loadState(Object.fromEntries(state) as Record<string, tf.Tensor>, this.optimizer.stepCount);
    return copy;
  }

  values(): Float32Array[] {
    return Object.values(this.model.variables).map((variable) => variable.dataSync<'float32'>().slice());
  }

  dispose(): void {
    this.execution.dispose();
    this.model.dispose();
  }
}

const groupsOf = ({ expertParallel }: RankCase) => createRankGroups(world, { expertParallel });
const cases = Object.entries(compiledRankCases);

// Operation by operation, on the native backend: TensorFlow's own takes seconds for them.
await useBackend('auto', { threads: 1 });
const expected: Record<string, CompiledRanksReport[string]['expected']> = {};
for (const [name, rankCase] of cases) {
  const run = await new Run(rankCase, await groupsOf(rankCase), eager).upTo(steps);
  expected[name] = { losses: run.losses, norms: run.norms, values: run.values() };
  run.dispose();
}

const { compile } = await useBackend('tensorflow', { threads: 1 });
const report: CompiledRanksReport = {};
for (const [name, rankCase] of cases) {
  const groups = await groupsOf(rankCase);
  const execute = recorded(compile!);
  const run = await new Run(rankCase, groups, execute).upTo(steps);
  const { losses, norms } = run;
  const values = run.values();
  report[name] = { losses, norms, values, expected: expected[name]! };
  run.dispose();
  if (!rankCase.resumes) continue;
  const half = await new Run(rankCase, groups, execute).upTo(steps / 2);
  const resumed = half.copied(rankCase, execute);
  half.dispose();
  await resumed.upTo(steps, steps / 2);
  report[name].isSameResumed = resumed.values().every((value, i) => haveSameBits(value, values[i]!));
  resumed.dispose();
}
await world.close();
await sendResult(report);
