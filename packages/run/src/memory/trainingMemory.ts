import { dryCommunicator, type Communicator } from '@scmoe/comm';
import { dispatchOver, isExpertParameter, tensorAxis, type RankPass, type TensorSchedule } from '@scmoe/layer';
import type { RecomputeOptions } from '@scmoe/models';
import { canMeasureMemory, stepMemory, tensorMemory } from '@scmoe/tensor';
import {
  accumulateGradients,
  type Batch,
  GradientReducer,
  type Optimizer,
  type RankGroups,
  type Trainable,
} from '@scmoe/trainer';
import * as tf from '@tensorflow/tfjs';

/** What trains, as far as its memory depends on it. */
export interface TrainingParts {
  /** The model as the trainer sees it, which keeps for its gradients what these options say. */
  trained: (options: RecomputeOptions & RankPass) => Trainable;
  /** State that no gradient trains. */
  buffers: Record<string, tf.Variable>;
  /** The optimizer of the run, and another such with no state, between ranks that are not there. */
  optimizer: Optimizer;
  freshOptimizer: (groups: RankGroups | undefined) => Optimizer;
  /** A micro-batch. */
  drawBatch: () => Batch;
  /** Micro-batches of a step, on this rank. */
  microBatches: number;
  numExperts: number;
  groups: RankGroups | undefined;
  /** How the tokens of a tensor-parallel group come to their experts. Default: `s1`. */
  schedule?: TensorSchedule | readonly TensorSchedule[];
  /** Whether rank 0 saves what all have. */
  savesWhole: boolean;
  /** The memory of the process in bytes; by default its resident memory. */
  residentBytes?: () => number;
}

/** Where the memory of a training process goes, in bytes; they add up to the whole. */
export interface TrainingMemory {
  parameters: number;
  /** Moments and averages of the optimizer. */
  optimizer: number;
  /** The copy of both from which checkpoints are written beside training. */
  checkpoints: number;
  /** Gradients, activations and what else a step needs, with what the allocator keeps for the next one. */
  step: number;
  /** Node, code, data and the kernels' own memory. */
  process: number;
}

/** V8 lets its young generation grow by about so much before it collects. */
const uncollectedBytes = 24 * 2 ** 20;

/** V8 collects copies of what has travelled between ranks when there is so much of it (its external allocation limit). */
const mostTravelled = 64 * 2 ** 20;

/** Predicts the memory of a training process on this rank from dry runs of its step, before it runs one. */
export class MemoryPredictor {
  private state: (StateBytes & { update: number }) | undefined;

  constructor(private readonly parts: TrainingParts) {}

  /** Whether this backend can tell. */
  static isPossible(): boolean {
    return canMeasureMemory();
  }

  /** The memory of training that keeps for its gradients what these options say. */
  async predict(options: RecomputeOptions): Promise<TrainingMemory> {
    const { optimizer, inFloat32, update } = (this.state ??= await this.optimizerMemory());
    const { reservedBytes } = await stepMemory(() => this.gradients(options));
    const { groups, optimizer: own, buffers, savesWhole, residentBytes = () => process.memoryUsage.rss() } = this.parts;
    const tensors = tensorMemory()!;
    const held = tensors.bytes - stateOf(own).optimizer;
    const sharded = bytesOf(this.variables(), isExpertParameter);
    const share = (held + optimizer) / held;
    // Rank 0 writes the experts of all, which every rank is given in float32.
    const whole = groups && savesWhole ? sharded * groups.experts.size : 0;
    const given = (whole * (held + inFloat32)) / held;
    const isSlice = (name: string) => !isExpertParameter(name) && tensorAxis(name) !== undefined;
    const otherSlices = groups?.tensor ? bytesOf(this.variables(), isSlice) * (groups.tensor.size - 1) : 0;
    const saved = (bytesOf(this.variables()) + otherSlices + bytesOf(buffers)) * share;
    return {
      parameters: held,
      optimizer,
      checkpoints: whole > 0 ? saved - sharded * share + whole * share + given : saved,
      step: reservedBytes + update + (groups ? Math.min(mostTravelled, reservedBytes) : 0),
      process: Math.max(0, residentBytes() - tensors.reservedBytes) + uncollectedBytes,
    };
  }

  /** A pass over one sample, by which kernels find memory of their own and JavaScript compiles: `process` counts it then. */
  warmUp(options: RecomputeOptions): void {
    const { trained, drawBatch } = this.parts;
    const batch = drawBatch();
    const one = Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, firstOf(tensor)]));
    tf.dispose(batch);
    const { loss, grads, metrics } = accumulateGradients(trained(options), [{ batch: one, seed: 0 }], 1);
    tf.dispose([loss, grads, metrics]);
  }

  private variables(): Record<string, tf.Variable> {
    return this.parts.trained({}).variables;
  }

  /** The gradients of a step, as `train` takes them. */
  private async gradients(options: RecomputeOptions): Promise<void> {
    const { trained, drawBatch, microBatches, numExperts, groups, schedule } = this.parts;
    const dry = groups && dryGroups(groups);
    const pass = dry && dispatchOver(dry, { numExperts, ...(schedule && { schedule }) });
    const model = trained({ ...options, ...pass });
    // The second adds its gradients to those of the first, as all that follow do.
    const count = Math.min(microBatches, 2);
    const reducer = dry && new GradientReducer(dry, { isSharded: isExpertParameter, slicedAxis: tensorAxis });
    const batches = Array.from({ length: count }, (_, seed) => ({ batch: drawBatch(), seed }));
    const own = accumulateGradients(model, batches, count, reducer && ((name, grad) => reducer.add(name, grad)));
    const grads = reducer ? await reducer.finish() : own.grads;
    tf.dispose([own.loss, own.metrics, own.grads, grads]);
  }

  /** What the optimizer keeps, and what it takes besides for an update. */
  private async optimizerMemory(): Promise<StateBytes & { update: number }> {
    const variables = Object.entries(this.variables());
    const all = variables.reduce((sum, [, { size }]) => sum + size * 4, 0);
    let kept: StateBytes = { optimizer: 0, inFloat32: 0 };
    const { peakBytes } = await stepMemory(() => {
      const { groups, freshOptimizer } = this.parts;
      const optimizer = freshOptimizer(groups && dryGroups(groups));
      // An update would leave nothing in the parameters themselves.
      const copyOf = (variable: tf.Variable) => tf.tidy(() => tf.variable(tf.add(variable, 1)));
      const copies = Object.fromEntries(variables.map(([name, variable]) => [name, copyOf(variable)]));
      const gradients = Object.fromEntries(variables.map(([name, variable]) => [name, tf.add(variable, 1)]));
      // The first makes the state.
      for (let i = 0; i < 2; i++) optimizer.step(copies, gradients, { learningRate: 1 });
      kept = stateOf(optimizer);
      optimizer.loadState({}, 0);
      tf.dispose([copies, gradients]);
    });
    return { ...kept, update: Math.max(0, peakBytes - 2 * all - kept.optimizer) };
  }
}

/** Bytes of an optimizer's state: as it is kept, and as ranks exchange it. */
interface StateBytes {
  optimizer: number;
  inFloat32: number;
}

/** Bytes of the state that the optimizer has by now, which a run that goes on has from the start. */
function stateOf(optimizer: Optimizer): StateBytes {
  const state = optimizer.state();
  const isRounded = (name: string) => optimizer.bfloat16Slots?.includes(name.slice(0, name.indexOf('.'))) ?? false;
  const inFloat32 = bytesOf(state);
  const optimizerBytes = inFloat32 - bytesOf(state, isRounded) / 2;
  tf.dispose(state);
  return { optimizer: optimizerBytes, inFloat32 };
}

/** All that a training process takes. */
export function totalOf({ parameters, optimizer, checkpoints, step, process }: TrainingMemory): number {
  return parameters + optimizer + checkpoints + step + process;
}

/** The first sample of a batch. */
function firstOf(tensor: tf.Tensor): tf.Tensor {
  return tf.slice(tensor, 0, [1, ...tensor.shape.slice(1)]);
}

function dryGroups({ world, data, experts, replicas, expertShards, tensor, peers, shards }: RankGroups): RankGroups {
  const dry = ({ rank, size }: Communicator) => dryCommunicator({ rank, size });
  return {
    ...{ world: dry(world), data: dry(data), experts: dry(experts), replicas: dry(replicas), expertShards },
    ...(tensor && { tensor: dry(tensor) }),
    ...(peers && { peers: dry(peers) }),
    ...(shards && { shards: dry(shards) }),
  };
}

function bytesOf(tensors: Record<string, tf.Tensor>, counts: (name: string) => boolean = () => true): number {
  return Object.entries(tensors).reduce((sum, [name, { size }]) => sum + (counts(name) ? size * 4 : 0), 0);
}
