import type { Routing } from '@scmoe/gating';
import { dispatchPlan, withoutRecording } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { routingOfRows } from '../moe/routingOfRows.js';
import { joinRows, takeRows, type PartOfBatch } from './Halves.js';

/** The routing of a half, from that of the whole, as `routingOfRows` says. */
export function routingOfHalf(whole: Routing, half: PartOfBatch): Routing {
  return routingOfRows(whole, (rows) => takeRows(rows, half));
}

/** The routing of the whole, from those of its halves, which have no capacity: what losses and statistics read. */
export function joinRoutings(halves: readonly Routing[], parts: readonly PartOfBatch[]): Routing {
  const [first] = halves as [Routing];
  const join = <X extends tf.Tensor>(of: (routing: Routing) => X): X => joinRows(halves.map(of), parts);
  const [weights, identityWeights] = [join((half) => half.weights), first.identityWeights];
  const numExperts = first.counts.size;
  const { experts, ...plan } = withoutRecording(() => {
    const ids = join((half) => half.experts);
    return {
      experts: ids,
      ...dispatchPlan(ids, weights, { numExperts, numZeroExperts: first.load.size - numExperts }),
    };
  });
  return {
    ...first,
    ...plan,
    experts,
    weights,
    logits: join((half) => half.logits),
    scores: join((half) => half.scores),
    numRows: experts.size,
    ...(identityWeights && { identityWeights: join((half) => half.identityWeights!) }),
    ...(first.mask && { mask: join((half) => half.mask!) }),
  };
}
