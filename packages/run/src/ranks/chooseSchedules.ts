import type { Communicator, Work } from '@scmoe/comm';
import type { Routing } from '@scmoe/gating';
import { dispatchOver, type TensorSchedule, unitsOfPieces } from '@scmoe/layer';
import {
  dealsRows,
  fitCall,
  rankSchedules,
  type CallCost,
  type LayerBytes,
  type RankedSchedules,
  type ScheduleCalls,
} from '@scmoe/scheduler';
import type { Batch, RankGroups } from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

import type { RunModel } from '../training/RunModel.js';

/** What the schedules of a model are chosen by. */
export interface ScheduleContext {
  groups: RankGroups;
  /** The model; its stages are asked for how often tokens go through their experts. */
  model: RunModel;
  /** A micro-batch, the same on all ranks of a tensor-parallel group. */
  drawBatch: () => Batch;
  /** Whether backward passes are to have parts of their own, which is not for every schedule. Default: they are not. */
  hasOwnBackward?: boolean;
}

/** The schedule of every stage of a model, and what is said of the choice. */
export interface ChosenSchedules {
  schedules: readonly TensorSchedule[];
  lines: readonly string[];
}

/** Bytes that a rank hands over in the calls that are timed, and how often each is. */
const [sizes, repeats] = [[4 * 2 ** 10, 2 ** 18, 2 ** 21], 4];

/**
 * Chooses how the tokens of a tensor-parallel group come to the experts of each stage, by what the collectives of each schedule
 * take: latency and rate of each collective are fitted to calls of three sizes, bytes are those of a pass over a micro-batch.
 * Every rank calls it; all get the same, for the times of the slowest count.
 */
export async function chooseSchedules(context: ScheduleContext): Promise<ChosenSchedules> {
  const { groups, model, hasOwnBackward = false } = context;
  const passes = model.expertPassesOfStages ?? [];
  const calls = await measureCalls(groups);
  const layers = await layersOf(context, passes);
  const factors = { tensorParallel: groups.tensor!.size, expertShards: groups.expertShards };
  const isPossible = ({ schedule }: RankedSchedules[number]) => !hasOwnBackward || !dealsRows(schedule);
  const ranked = layers.map((layer) => layer && rankSchedules(layer, factors, calls).filter(isPossible));
  return {
    schedules: ranked.map((one) => one?.[0]!.schedule ?? 's1'),
    lines: linesOf(ranked, calls),
  };
}

/** Fitted collectives, those of the slowest rank. */
async function measureCalls(groups: RankGroups): Promise<ScheduleCalls> {
  const { world, experts, peers, tensor } = groups;
  const exchange = (group: Communicator) => (data: Float32Array) =>
    group.allToAll(data.subarray(0, data.length - (data.length % group.size)));
  const { numUnits } = unitsOfPieces(experts, { groupSize: tensor!.size, shards: groups.expertShards });
  const calls: [keyof ScheduleCalls, (data: Float32Array) => Pick<Work<unknown>, 'wait'>][] = [
    ['experts', exchange(experts)],
    ...(peers ? [['peers', exchange(peers)] as [keyof ScheduleCalls, ReturnType<typeof exchange>]] : []),
    ['sum', (data) => tensor!.allReduce(data)],
    ['gather', (data) => tensor!.allGather(data)],
  ];
  if (numUnits > 1) calls.push(['fused', (data) => ({ wait: () => exchangeInPieces(groups, data) })]);
  const own: number[] = [];
  for (const [, call] of calls) {
    for (const bytes of sizes) {
      const data = new Float32Array(bytes / 4);
      const times: number[] = [];
      // The first finds memory and connections.
      for (let i = 0; i <= repeats; i++) {
        await world.barrier().done;
        const start = performance.now();
        // Waited for as in a pass.
        call(data).wait();
        if (i > 0) times.push(performance.now() - start);
      }
      own.push(Math.max(1e-6, Math.min(...times)));
    }
  }
  const slowest = await world.allReduce(Float32Array.from(own), { op: 'max' }).done;
  const fitted = calls.map(([name], i) => {
    const ofCall = sizes.map((bytes, j) => ({ bytes, ms: slowest[i * sizes.length + j]! }));
    return [name, fitCall(ofCall)] as const;
  });
  return Object.fromEntries(fitted) as unknown as ScheduleCalls;
}

/** The way back of `s2-fused` with this much to hand over: pieces from one unit of ranks after the other, gathered as they come. */
function exchangeInPieces({ experts, tensor, expertShards: shards }: RankGroups, data: Float32Array): void {
  const { unitSize, numUnits, own } = unitsOfPieces(experts, { groupSize: tensor!.size, shards });
  const each = Math.floor(data.length / experts.size / shards) * shards;
  const inUnit = (unit: number) =>
    Array.from({ length: experts.size }, (_, rank) => (Math.floor(rank / unitSize) === unit ? each : 0));
  const pieces = Array.from({ length: numUnits }, (_, i) => {
    const counts = { sendCounts: inUnit((own + i) % numUnits), recvCounts: inUnit((own - i + numUnits) % numUnits) };
    return experts.allToAllV(data.subarray(0, each * unitSize), counts);
  });
  const gathers: Work<Float32Array>[] = [];
  // Of the slices of a row their sum is gathered.
  for (const piece of pieces) gathers.push(tensor!.allGather(piece.wait().subarray(0, (each * unitSize) / shards)));
  for (const gather of gathers) gather.wait();
}

/** What travels in each stage, of the rank that has most of it; undefined for a stage without experts. */
async function layersOf(
  { groups, model, drawBatch }: ScheduleContext,
  passes: readonly number[],
): Promise<(LayerBytes | undefined)[]> {
  // A schedule that every model can have, whose stages may choose twice.
  const pass = dispatchOver(groups, { numExperts: model.numExperts, schedule: 's2' });
  let sizes: number[] = [];
  tf.tidy(() => {
    sizes = model.loss(drawBatch(), { ...pass, training: false }).routings.flatMap(sizesOf);
  });
  const most = await groups.world.allReduce(Float32Array.from(sizes), { op: 'max' }).done;
  const of = (routing: number) => [...most.subarray(routing * numSizes, (routing + 1) * numSizes)];
  let first = 0;
  return passes.map((count) => {
    if (count === 0) return undefined;
    const [numTokens, topK, capacity, numExperts] = of((first += count) - count) as [number, number, number, number];
    // All that travels is float32.
    const token = 4 * model.width!;
    const slots = numExperts * capacity;
    return {
      tokens: count * numTokens * token,
      weights: count * numTokens * topK * 4,
      rows: count * Math.min(numTokens * topK, capacity > 0 ? slots : Infinity) * token,
      ...(capacity > 0 && { slots: count * slots * token }),
      counts: 4 * numExperts,
    };
  });
}

const numSizes = 4;
function sizesOf({ experts, capacity, counts }: Routing): number[] {
  return [...experts.shape, capacity, counts.size];
}

function linesOf(ranked: readonly (RankedSchedules | undefined)[], calls: ScheduleCalls): string[] {
  const callText = (name: string, { alphaMs, msPerByte }: CallCost) =>
    `${name} ${alphaMs.toFixed(3)} ms + ${(msPerByte * 2 ** 20).toFixed(3)} ms/MiB`;
  const measured = Object.entries(calls as unknown as Record<string, CallCost>).map(([name, call]) =>
    callText(name, call),
  );
  // Stages that are alike choose alike: one line for each kind.
  const kinds = new Map<string, number[]>();
  ranked.forEach((one, stage) => {
    if (!one) return;
    const text = one.map(({ schedule, ms }) => `${schedule} ${ms.toFixed(2)} ms`).join(', ');
    kinds.set(text, [...(kinds.get(text) ?? []), stage]);
  });
  const choices = [...kinds].map(
    ([text, stages]) =>
      `--tensor-schedule auto: ${text.split(' ')[0]!} in ${stagesText(stages)} (${text} a micro-batch)`,
  );
  return [`collectives: ${measured.join(', ')}`, ...choices];
}

/** `stage 1`, `stages 1 and 3`, `stages 0 to 11`. */
function stagesText(stages: readonly number[]): string {
  const [first, last] = [stages[0]!, stages.at(-1)!];
  if (stages.length === 1) return `stage ${first}`;
  if (last - first === stages.length - 1) return `stages ${first} to ${last}`;
  return `stages ${stages.slice(0, -1).join(', ')} and ${last}`;
}
