import { bytesText, UserError } from '@scmoe/errors';
import { keptExchanges, type RecomputeOptions, recomputeModes } from '@scmoe/models';
import { withinMemory } from '@scmoe/scheduler';
import { freeTensorCache } from '@scmoe/tensor';
import { accumulateGradients } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import { say, type Terminal } from '../cli/Terminal.js';
import type { MemoryOptions } from '../options/memoryOptions.js';
import { collectGarbage } from './collectGarbage.js';
import { MemoryPredictor, totalOf, type TrainingMemory, type TrainingParts } from './trainingMemory.js';

/** What of a training step is computed twice, and what that makes of its memory. */
export interface MemoryPlan {
  recompute: Required<RecomputeOptions>;
  /** What each rank is predicted to take, and may; absent without a limit. */
  predictedBytes?: number;
  limitBytes?: number;
}

/** Passes by which the time of a way is told: the first pays for memory and caches. */
const timedPasses = 2;

interface Candidate extends Required<RecomputeOptions> {
  memory: TrainingMemory;
  /** Bytes on the rank that takes most. */
  bytes: number;
}

/**
 * What of a step is computed twice: what was asked for, or with a limit of memory the quickest that is predicted to keep to it. Every
 * rank calls it; all get the same.
 *
 * @throws UserError where nothing keeps to the limit, with the least that could be had
 */
export async function planMemory(
  { recompute, keepExchanges, memoryLimit }: MemoryOptions,
  parts: TrainingParts,
  terminal: Terminal,
): Promise<MemoryPlan> {
  const asked = { recompute: recompute ?? 'off', keepExchanges: keepExchanges ?? 'all' } as const;
  if (memoryLimit === undefined) return { recompute: asked };
  if (!MemoryPredictor.isPossible()) {
    throw new UserError(
      `--memory-limit: expected the backend scmoe, whose memory can be told beforehand, got ${tf.getBackend()}.`,
      { exitCode: 2 },
    );
  }
  const all = await predictAll(parts, memoryLimit);
  const allowed = all.filter(
    (one) =>
      (recompute === undefined || one.recompute === recompute) &&
      (keepExchanges === undefined || one.recompute !== 'block' || one.keepExchanges === keepExchanges),
  );
  const { fitting, ...least } = withinMemory(allowed, memoryLimit);
  if (!fitting) throw nothingFits(memoryLimit, all, allowed, (least as { leastBytes: number }).leastBytes);
  const chosen = await quickest(fitting, parts);
  freeTensorCache();
  const { recompute: mode, keepExchanges: kept, memory, bytes } = chosen;
  say(
    terminal,
    `memory: --recompute ${nameOf(chosen)}, ${bytesText(bytes)} of at most ${bytesText(memoryLimit)} are predicted: ` +
      partsOf(memory),
  );
  return { recompute: { recompute: mode, keepExchanges: kept }, predictedBytes: bytes, limitBytes: memoryLimit };
}

/** Every way to run a step, from what computes least to what keeps least. */
async function predictAll(parts: TrainingParts, limitBytes: number): Promise<Candidate[]> {
  const predictor = new MemoryPredictor(parts);
  const predict = async (way: Required<RecomputeOptions>): Promise<Candidate> => {
    const memory = await predictor.predict(way);
    const own = totalOf(memory);
    const most = parts.groups ? await parts.groups.world.allReduce(Float32Array.of(own), { op: 'max' }).done : [own];
    return { ...way, memory, bytes: most[0]! };
  };
  const least = { recompute: 'block', keepExchanges: 'off' } as const;
  // Nothing runs that takes more than there may be.
  collectGarbage();
  if ((await predict(least)).bytes <= limitBytes) predictor.warmUp(least);
  const travels = parts.groups !== undefined && parts.numExperts > 0;
  const candidates: Candidate[] = [];
  for (const recompute of recomputeModes) {
    const kept = travels && recompute === 'block' ? [...keptExchanges].reverse() : (['all'] as const);
    for (const keepExchanges of kept) candidates.push(await predict({ recompute, keepExchanges }));
  }
  return candidates;
}

/** The first where nothing is computed twice: it is never slower. Else by the clock of rank 0. */
async function quickest(candidates: readonly [Candidate, ...Candidate[]], parts: TrainingParts): Promise<Candidate> {
  const [first] = candidates;
  if (candidates.length === 1 || first.recompute === 'off') return first;
  const seconds = candidates.map((candidate) => Math.min(...passes(candidate, parts)));
  const own = seconds.indexOf(Math.min(...seconds));
  const agreed = parts.groups ? await parts.groups.world.broadcast(Int32Array.of(own)).done : [own];
  return candidates[agreed[0]!]!;
}

function passes({ recompute, keepExchanges }: RecomputeOptions, { trained, drawBatch }: TrainingParts): number[] {
  const model = trained({ recompute, keepExchanges });
  return Array.from({ length: timedPasses }, (_, seed) => {
    const start = performance.now();
    const { loss, grads, metrics } = accumulateGradients(model, [{ batch: drawBatch(), seed }], 1);
    loss.dataSync();
    tf.dispose([loss, grads, metrics]);
    return (performance.now() - start) / 1000;
  });
}

function nothingFits(limit: number, all: Candidate[], allowed: Candidate[], leastBytes: number): UserError {
  const least = allowed.find(({ bytes }) => bytes === leastBytes)!;
  const leastOfAll = all.reduce((best, one) => (one.bytes < best.bytes ? one : best));
  const better =
    leastOfAll.bytes < leastBytes
      ? ` With --recompute ${nameOf(leastOfAll)} it is ${bytesText(leastOfAll.bytes)}.`
      : ' A smaller --batch-size with more --accumulate takes less.';
  return new UserError(
    `--memory-limit: expected at least ${bytesText(leastBytes)}, which training takes with --recompute ${nameOf(least)} ` +
      `(${partsOf(least.memory)}), got ${bytesText(limit)}.${better}`,
    { exitCode: 2 },
  );
}

function nameOf({ recompute, keepExchanges }: Required<RecomputeOptions>): string {
  return recompute === 'block' && keepExchanges !== 'all' ? `block --keep-exchanges ${keepExchanges}` : recompute;
}

function partsOf({ parameters, optimizer, checkpoints, step, process }: TrainingMemory): string {
  return [
    `parameters ${bytesText(parameters)}`,
    `optimizer ${bytesText(optimizer)}`,
    `step ${bytesText(step)}`,
    `copy for checkpoints ${bytesText(checkpoints)}`,
    `process ${bytesText(process)}`,
  ].join(', ');
}
