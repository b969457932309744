import {
  freezeWeight,
  isExpertParameter,
  isProjected,
  tensorAxis,
  type ParameterRecord,
  type TensorGroup,
} from '@scmoe/layer';
import { holdForGradient, type Seed } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { factorNames, isAdapterParameter, type AdapterPlan } from './AdapterPlan.js';

/** Streams of the adapters' dropout, apart from those of layers, routers and stochastic depth. */
const firstStream = 0x10_0000;

export interface AdaptedOptions {
  plan: AdapterPlan | undefined;
  isFrozen: (name: string) => boolean;
  /** Seed of this step's dropout; undefined outside of training. */
  seed: Seed | undefined;
  /** The ranks that hold the other slices of a model in slices. */
  tensor?: TensorGroup | undefined;
  /** The ranks that hold the other slices of the experts here. */
  shards?: TensorGroup | undefined;
}

/** The parameters of one pass. */
export interface AdaptedParameters {
  parameters: ParameterRecord;
  /** Makes sure, behind the pass, that every adapter was applied. */
  readonly expectAllUsed: () => void;
}

/**
 * What layers are given of a model some of whose parameters are frozen. Matrices that are used through `project` have their
 * adapter beside them, and those of experts and routers, which kernels read as they are, are W + factor A B: PEFT does so
 * as well. Called in a tidy.
 */
export function adaptedParameters(
  all: ParameterRecord,
  { plan, isFrozen, seed, tensor, shards }: AdaptedOptions,
): AdaptedParameters {
  const { matrices = {}, dropout: rate = 0 } = plan ?? {};
  const places = new Map(Object.keys(matrices).map((name, place) => [name, place]));
  const unused = new Set<string>();
  const parameters: Record<string, tf.Tensor> = {};
  // What is made here, and read by stages that may be computed twice.
  const made: tf.Tensor[] = [];
  for (const [name, own] of Object.entries(all)) {
    if (isAdapterParameter(name)) continue;
    const adapted = matrices[name];
    const projects = own.rank === 2 && isProjected(name);
    if (!adapted) {
      parameters[name] = own;
      if (projects && isFrozen(name)) made.push((parameters[name] = freezeWeight(own)));
      continue;
    }
    const names = factorNames(name);
    // Of a matrix in slices one factor is in slices too; the other is whole, and each rank knows what its slice says to it.
    const group = isExpertParameter(name) ? shards : tensor;
    const factorOf = (factor: string): tf.Tensor2D => {
      const isShared = tensorAxis(name) !== undefined && tensorAxis(factor) === undefined;
      const value = all[factor] as tf.Tensor2D;
      if (!group || !isShared) return value;
      const entered = group.enter(value);
      if (entered !== value) made.push(entered);
      return entered;
    };
    const a = factorOf(names.a);
    const b = tf.mul<tf.Tensor2D>(factorOf(names.b), adapted.factor);
    if (!projects) {
      made.push((parameters[name] = tf.add(own, tf.matMul(a, b))));
      continue;
    }
    unused.add(name);
    const drops = seed !== undefined && rate > 0;
    // What A reads of a matrix in slices by rows is the own columns of all.
    const columns = tensor && tensorAxis(names.a) !== undefined ? { rank: tensor.rank, size: tensor.size } : undefined;
    const stream = firstStream + places.get(name)!;
    const dropout = drops ? { rate, seed, stream, ...(columns && { columns }) } : undefined;
    const onUse = () => unused.delete(name);
    parameters[name] = freezeWeight(own, { a, b, onUse, ...(dropout && { dropout }) });
    made.push(b, parameters[name]);
  }
  holdForGradient(made);
  const expectAllUsed = () => {
    if (unused.size > 0) throw new Error(`the adapters of ${[...unused].join(', ')} were not applied`);
  };
  return { parameters, expectAllUsed };
}
