import { ArgumentError } from '@scmoe/errors';
import { expertShard, isExpertParameter, tensorAxis, type ExpertShard, type TensorShard } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

interface Parameters {
  readonly variables: Readonly<Record<string, tf.Variable>>;
  readonly buffers: Readonly<Record<string, tf.Variable>>;
  readonly experts: ExpertShard;
  readonly tensor: TensorShard;
  readonly numExperts: number;
}

/**
 * What a model in slices has of a parameter whose matrices are whole: of experts, of those that are here.
 *
 * @returns a handle, the caller's to dispose
 */
export function sliceOfParameter(
  to: Pick<Parameters, 'experts' | 'tensor'>,
  name: string,
  value: tf.Tensor,
): tf.Tensor {
  const { rank, shards = 1 } = to.experts;
  const { rank: slice, size } = isExpertParameter(name) ? { rank: rank % shards, size: shards } : to.tensor;
  const axis = tensorAxis(name);
  if (axis === undefined || size === 1) return value.clone();
  return tf.tidy(() => tf.split(value, size, axis)[slice]!);
}

/**
 * Gives a model the parameters of another one that it has under the same name; of experts those of its shard, and of the rest its
 * slice, where the other one has all of them.
 *
 * @returns the names of those that were taken, and of those that stay as they were
 * @throws ArgumentError where one is of another shape, before any was taken
 */
export function takeParameters(to: Parameters, from: Parameters): { taken: string[]; left: string[] } {
  const theirs = { ...from.variables, ...from.buffers };
  const own = { ...to.variables, ...to.buffers };
  const [taken, left] = [true, false].map((isThere) => Object.keys(own).filter((name) => name in theirs === isThere));
  const partOf = (name: string): Run[] => partsOf(name, theirs[name]!.shape, { to, from });
  for (const name of taken!) {
    const expected = [...theirs[name]!.shape];
    for (const { axis, count } of partOf(name)) expected[axis] = count;
    if (expected.join() !== own[name]!.shape.join())
      throw new ArgumentError(
        `${name}: expected the shape of the model that it is taken from, (${expected.join(', ')}), got (${own[name]!.shape.join(', ')})`,
      );
  }
  tf.tidy(() => {
    for (const name of taken!) {
      const value: tf.Tensor = theirs[name]!;
      const begin = value.shape.map((_, i) => partOf(name).find(({ axis }) => axis === i)?.first ?? 0);
      own[name]!.assign(partOf(name).length > 0 ? tf.slice(value, begin, own[name]!.shape) : value);
    }
  });
  return { taken: taken!, left: left! };
}

/** Entries along an axis. */
interface Run {
  axis: number;
  first: number;
  count: number;
}

/** What a model has of a parameter, along each axis on which that is not all. */
function partsOf(name: string, shape: readonly number[], { to, from }: { to: Parameters; from: Parameters }): Run[] {
  if (from.experts.size > 1 || from.tensor.size > 1) return [];
  const axis = tensorAxis(name);
  const sliced = ({ rank, size }: TensorShard): Run[] => {
    if (axis === undefined || size === 1) return [];
    const count = shape[axis]! / size;
    return [{ axis, first: rank * count, count }];
  };
  if (!isExpertParameter(name)) return sliced(to.tensor);
  if (to.experts.size === 1 || to.numExperts !== from.numExperts) return [];
  const { rank, shards = 1 } = to.experts;
  return [{ axis: 0, ...expertShard(to.numExperts, to.experts) }, ...sliced({ rank: rank % shards, size: shards })];
}
