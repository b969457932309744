import { ArgumentError } from '@scmoe/errors';
import type { ParameterSpec, ParameterSpecs } from '@scmoe/layer';

import { factorNames, type AdapterPlan } from './AdapterPlan.js';

/**
 * Parameters of the adapters of a model's matrices: A (dIn, rank), drawn with the deviation 1 / sqrt(3 dIn) of PEFT's, and
 * B (rank, dOut), zero at first; of stacked experts one each, (E, dIn, rank) and (E, rank, dOut). Of a slice of a matrix by rows A is a
 * slice, of one by columns B.
 *
 * @throws ArgumentError naming a matrix that the model has not
 */
export function adapterSpecs(specs: ParameterSpecs, { matrices }: AdapterPlan): ParameterSpecs {
  const made: Record<string, ParameterSpec> = {};
  for (const [name, { rank }] of Object.entries(matrices)) {
    const spec = specs[name];
    if (!spec || spec.shape.length < 2) throw new ArgumentError(`adapter: the model has no matrix '${name}'`);
    const stack = spec.shape.slice(0, -2);
    const [dIn, dOut] = spec.shape.slice(-2) as [number, number];
    const part = spec.part && { part: spec.part };
    const { slice } = spec;
    const isOfRows = slice?.axis === stack.length;
    const { a, b } = factorNames(name);
    const standardDeviation = 1 / Math.sqrt(3 * dIn * (isOfRows ? slice.size : 1));
    const [ofA, ofB] = isOfRows ? [{ slice }, {}] : [{}, slice && { slice }];
    made[a] = { shape: [...stack, dIn, rank], initial: 'normal', standardDeviation, ...part, ...ofA };
    made[b] = { shape: [...stack, rank, dOut], initial: 'zeros', ...part, ...ofB };
  }
  return made;
}
