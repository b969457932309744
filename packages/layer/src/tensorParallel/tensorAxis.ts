import { expectThat } from '@scmoe/errors';

import type { ParameterSpec, ParameterSpecs } from '../parameters/ParameterSpec.js';
import type { TensorShard } from './TensorGroup.js';

/** Matrices that are cut by columns, with their biases, and those whose rows read what comes of these. */
const [columns, rows] = [/^(w[qkvg]|wqUp|wkvUp|wBeta|wDecay|w1|gate|up)$/, /^(wo|w2|down)$/];
/** What belongs to the heads or hidden units of those columns: biases, and numbers of each head. */
const ofColumns = /^(b[qkvg]|b1|gateBias|upBias|sinks|logRate|decayBias)$/;
/** The block of a router before the first one, which every rank has whole: all choose alike. */
const ahead = /(?:^|\.)routerAhead\./;
/** Names in a block or a model: `attn1.wq`, `block3.mlp.down`, `m.block0.shared.w1`, `block1.experts.w2`, `attn1.wo.loraA`. */
const sliced = /(?:^|\.)(?:attn\d?|mlp\d?|shared|(experts))\.(\w+?)(?:\.(lora[AB]))?$/;

/**
 * The axis along which a parameter is cut into slices of heads or hidden widths, by its name in a block or a model, or that of
 * a state of the optimizer: columns of what comes first, rows of what comes behind it. Experts are stacked on axis 0.
 *
 * @returns undefined for what every rank has whole: norms, biases of what is summed, routers, mix, embeddings
 */
export function tensorAxis(name: string): number | undefined {
  const found = sliced.exec(name);
  if (!found || ahead.test(name)) return undefined;
  const [, isExpert, last, factor] = found;
  const stack = isExpert ? 1 : 0;
  // W + A B: the columns of B are those of W, and the rows of A.
  if (columns.test(last!)) return factor === 'loraA' ? undefined : stack + 1;
  if (rows.test(last!)) return factor === 'loraB' ? undefined : stack;
  return ofColumns.test(last!) ? stack : undefined;
}

/** What a slice of a parameter is of it: part number `rank` of `size` equal ones along `axis`. */
export function slicedSpec(
  spec: ParameterSpec,
  { axis, rank, size, name }: TensorShard & { axis: number; name: string },
): ParameterSpec {
  const length = spec.shape[axis]!;
  expectThat(length % size === 0, name, `a size on axis ${axis} that ${size} ranks divide`, length);
  const shape = spec.shape.map((extent, i) => (i === axis ? length / size : extent));
  return { ...spec, shape, slice: { axis, rank, size } };
}

/** The slices of attentions, MLPs and shared experts that a rank of a tensor-parallel group has, beside what all have. */
export function slicedSpecs(specs: ParameterSpecs, shard: TensorShard): ParameterSpecs {
  if (shard.size === 1) return specs;
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => {
      const axis = isExpertName(name) ? undefined : tensorAxis(name);
      return [name, axis === undefined ? spec : slicedSpec(spec, { ...shard, axis, name })];
    }),
  );
}

function isExpertName(name: string): boolean {
  return sliced.exec(name)?.[1] !== undefined;
}
