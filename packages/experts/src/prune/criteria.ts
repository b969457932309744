import { UserError } from '@scmoe/errors';
import { RandomStream } from '@scmoe/tensor';

import { meanOf, type ExpertStatistics } from '../measure/ExpertStatistics.js';
import type { StoredParameters } from '../stored/openLanguageModel.js';
import type { StoredExperts } from '../stored/StoredExperts.js';

/**
 * What experts are kept by, the larger the better. `reap`: mean of weight times norm of the output, over the choices of an
 * expert (arXiv 2510.13999). `frequency`: how often it is chosen. `activationNorm`: mean norm of the output. `routerNorm`: by how
 * much training has lengthened its column of the router, a shorter one counting less than an unchanged one (arXiv
 * 2405.16646). `random`: by the seed.
 */
export const pruneCriteria = ['reap', 'frequency', 'activationNorm', 'routerNorm', 'random'] as const;
/** What says which experts go. */
export type PruneCriterion = (typeof pruneCriteria)[number];

/** Scores (N) of each layer's experts, by the name of the layer. */
export type ExpertScores = Record<string, number[]>;

/** Whether a criterion goes by what experts do with a text. */
export function needsText(criterion: PruneCriterion): boolean {
  return criterion === 'reap' || criterion === 'frequency' || criterion === 'activationNorm';
}

/** Scores by what experts have done with a text. */
export function scoresOfText(
  criterion: 'reap' | 'frequency' | 'activationNorm',
  statistics: readonly ExpertStatistics[],
): ExpertScores {
  const of = ({ load, kept, norms, weightedNorms, numExperts }: ExpertStatistics): number[] => {
    if (criterion === 'frequency') return load.slice(0, numExperts);
    return meanOf(criterion === 'reap' ? weightedNorms : norms, kept);
  };
  return Object.fromEntries(statistics.map((layer) => [layer.layer, of(layer)]));
}

/** Something with routers. */
type WithRouters = { checkpoint: { path: string; parameters: StoredParameters } };

/**
 * Scores by how much the routers have changed, without any data.
 *
 * @throws UserError where `before` is of another model
 */
export function scoresOfRouters(
  after: WithRouters & Pick<StoredExperts, 'moe' | 'layers'>,
  before: WithRouters,
): ExpertScores {
  const { numExperts } = after.moe;
  return Object.fromEntries(
    after.layers.map((layer) => {
      const own = routerOf(after.checkpoint.parameters, layer)!;
      const earlier = routerOf(before.checkpoint.parameters, layer);
      if (earlier?.shape.join() !== own.shape.join())
        throw new UserError(
          `${before.checkpoint.path}: expected a router (${own.shape.join(', ')}) of ${layer}, as ${after.checkpoint.path} has, ` +
            `got ${earlier ? `(${earlier.shape.join(', ')})` : 'none'}.`,
        );
      const [norms, earlierNorms] = [columnNorms(own), columnNorms(earlier)];
      return [layer, norms.slice(0, numExperts).map((norm, e) => norm - earlierNorms[e]!)];
    }),
  );
}

/** Scores that are drawn. */
export function randomScores({ layers, moe }: Pick<StoredExperts, 'moe' | 'layers'>, seed: number): ExpertScores {
  const random = new RandomStream({ seed });
  return Object.fromEntries(
    layers.map((layer) => [layer, Array.from({ length: moe.numExperts }, () => random.uniform())]),
  );
}

function routerOf(parameters: StoredParameters, layer: string): StoredParameters[string] | undefined {
  return parameters[`${layer}.router.weight`] ?? parameters[`${layer}.router.similarity`];
}

/** Euclidean norms of the columns of a matrix (d, M). */
function columnNorms({ data, shape }: StoredParameters[string]): number[] {
  const [rows, columns] = shape as [number, number];
  return Array.from({ length: columns }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += (data as Float32Array)[row * columns + column]! ** 2;
    return Math.sqrt(sum);
  });
}
