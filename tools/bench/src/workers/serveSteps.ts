import { createInterface } from 'node:readline';

import { captureFunction, clipScale, globalNorm, valueAndGrads, type AdamW } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { secondsNow } from '../secondsNow.js';

/** What one process of a benchmark steps through. */
export interface StepProgram {
  model: { readonly variables: Record<string, tf.Variable>; numParameters(): number };
  optimizer: AdamW;
  lossOf: () => tf.Scalar;
  /** `forward`: the loss alone; else gradients, clipping and an update too. */
  mode: string;
  /** Whether passes are captured, as training does (`captureFunction`); not by default. */
  isCaptured?: boolean;
  /** `performance.now()` when the process began. */
  started: number;
}

/** Answers each line `run N` with one JSON line about N steps, until something else comes, and ends the process. */
export async function serveSteps({
  model,
  optimizer,
  lossOf,
  mode,
  started,
  isCaptured = false,
}: StepProgram): Promise<never> {
  const asItIs = { forward: lossOf, gradients: () => valueAndGrads(lossOf, model.variables) };
  const passes = isCaptured
    ? { forward: captureFunction(asItIs.forward), gradients: captureFunction(asItIs.gradients) }
    : asItIs;
  async function step(): Promise<number> {
    const loss = tf.tidy(() => {
      if (mode === 'forward') return passes.forward();
      const { value, grads } = passes.gradients();
      const norm = globalNorm(Object.values(grads));
      optimizer.step(model.variables, grads, { learningRate: 1e-3, gradScale: clipScale(norm, 1) });
      return value;
    });
    const value = (await loss.data())[0]!;
    loss.dispose();
    return value;
  }

  let loss = await step();
  const kernelCalls = await countKernelCalls(step);
  console.log(
    JSON.stringify({
      ready: true,
      version: `@scmoe on ${tf.getBackend()}`,
      firstStepSeconds: (performance.now() - started) / 1000,
      parameters: model.numParameters(),
    }),
  );
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.split(' ');
    if (command !== 'run') break;
    const [begin, cpuBegin] = [performance.now(), secondsNow(1)];
    for (let i = 0; i < Number(count); i++) loss = await step();
    const seconds = (performance.now() - begin) / 1000;
    const cpuSeconds = secondsNow(1) - cpuBegin;
    const peakBytes = process.resourceUsage().maxRSS * 1024;
    console.log(JSON.stringify({ seconds, cpuSeconds, loss, kernelCalls, peakBytes, ...tensorBytes() }));
  }
  process.exit(0);
}

interface PoolCounts {
  bytesInUse: number;
  peakBytesInUse: number;
}

/** Bytes of tensors: between steps, and the most that there were. */
function tensorBytes(): { heldBytes: number; peakTensorBytes?: number } {
  // TF.js counts four bytes a number, whatever it is kept in.
  const { numBytes, bytesInUse = numBytes, peakBytesInUse } = tf.memory() as tf.MemoryInfo & Partial<PoolCounts>;
  return { heldBytes: bytesInUse, ...(peakBytesInUse !== undefined && { peakTensorBytes: peakBytesInUse }) };
}

/** Kernel calls of one step: counted at the engine, not timed. */
async function countKernelCalls(step: () => Promise<number>): Promise<number> {
  const engine = tf.engine() as unknown as { runKernelFunc: (params: unknown) => unknown };
  const original = engine.runKernelFunc.bind(engine);
  let calls = 0;
  engine.runKernelFunc = (params) => {
    calls++;
    return original(params);
  };
  await step();
  engine.runKernelFunc = original;
  return calls;
}
