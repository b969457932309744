import { ArgumentError } from '@scmoe/errors';
import { expertShard, isExpertParameter, type ExpertShard } from '@scmoe/layer';
import * as tf from '@tensorflow/tfjs';

interface Parameters {
  readonly variables: Readonly<Record<string, tf.Variable>>;
  readonly buffers: Readonly<Record<string, tf.Variable>>;
  readonly experts: ExpertShard;
  readonly numExperts: number;
}

/**
 * Gives a model the parameters of another one that it has under the same name; of experts those of its shard, where the other one
 * has all of them.
 *
 * @returns the names of those that were taken, and of those that stay as they were
 * @throws ArgumentError where one is of another shape, before any was taken
 */
export function takeParameters(to: Parameters, from: Parameters): { taken: string[]; left: string[] } {
  const theirs = { ...from.variables, ...from.buffers };
  const own = { ...to.variables, ...to.buffers };
  const [taken, left] = [true, false].map((isThere) => Object.keys(own).filter((name) => name in theirs === isThere));
  const isShard = (name: string) =>
    isExpertParameter(name) && to.experts.size > 1 && from.experts.size === 1 && to.numExperts === from.numExperts;
  const shard = to.numExperts > 0 ? expertShard(to.numExperts, to.experts) : undefined;
  for (const name of taken!) {
    const others = theirs[name]!.shape.slice(1);
    const expected = isShard(name) ? [shard!.count, ...others] : theirs[name]!.shape;
    if (expected.join() !== own[name]!.shape.join())
      throw new ArgumentError(
        `${name}: expected the shape of the model that it is taken from, (${expected.join(', ')}), got (${own[name]!.shape.join(', ')})`,
      );
  }
  tf.tidy(() => {
    for (const name of taken!) {
      const value = theirs[name]!;
      own[name]!.assign(isShard(name) ? tf.slice(value, shard!.first, shard!.count) : value);
    }
  });
  return { taken: taken!, left: left! };
}
