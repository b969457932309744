import { expectOneOf, expectPositiveInteger, expectThat } from '@scmoe/errors';

import { positions, type Position } from '../config/BlockMoeConfig.js';
import { TransformerBlock, type TransformerBlockArgs } from './TransformerBlock.js';
import { TransformerPair, type TransformerPairArgs } from './TransformerPair.js';

/** Arguments of `transformerStack`: those of every pair or block, and how many there are. */
export interface TransformerStackArgs extends Omit<TransformerPairArgs, 'name'> {
  /** Transformer blocks: attention and what follows it. A pair counts as two. */
  numBlocks: number;
  /** Where experts are. `pairs`: in every second block, a pair each. `every`: in every block. */
  placement?: 'pairs' | 'every';
  /** Position of the first pair where it differs from the others (the paper's "L0 pos1"). */
  firstPosition?: Position;
  /** Prefix of the layers' names, before their number. */
  name?: string;
}

/**
 * The blocks of a network, to be put into `tf.sequential` or applied one after the other. Each has a seed of its own,
 * `seed + index`.
 *
 * @throws ArgumentError naming an option that cannot work, what is allowed and what came.
 */
export function transformerStack(args: TransformerStackArgs): (TransformerPair | TransformerBlock)[] {
  const { numBlocks, placement = 'pairs', firstPosition, name, seed, position, sharedNormOf, ...shared } = args;
  expectPositiveInteger('numBlocks', numBlocks);
  expectOneOf('placement', placement, ['pairs', 'every']);
  if (firstPosition !== undefined) expectOneOf('firstPosition', firstPosition, positions);
  const ofLayer = (index: number) => ({
    ...shared,
    // The first layer alone has the shape of the model's input.
    ...(index > 0 && { inputShape: undefined, batchInputShape: undefined }),
    ...(name !== undefined && { name: `${name}${index}` }),
    ...(seed !== undefined && { seed: seed + index }),
  });
  if (placement === 'every') {
    // A block has one place to tap: its input.
    for (const [option, value] of Object.entries({ position, firstPosition }))
      expectThat(value === undefined || value === 'pos1', option, "pos1 with placement 'every'", value);
    expectThat(sharedNormOf !== 'mlp', 'sharedNormOf', "sharedExpert with placement 'every'", sharedNormOf);
    const block: TransformerBlockArgs = shared;
    return Array.from({ length: numBlocks }, (_, index) => new TransformerBlock({ ...block, ...ofLayer(index) }));
  }
  expectThat(numBlocks % 2 === 0, 'numBlocks', "an even number with placement 'pairs'", numBlocks);
  return Array.from(
    { length: numBlocks / 2 },
    (_, index) =>
      new TransformerPair({
        ...ofLayer(index),
        sharedNormOf,
        position: index === 0 ? (firstPosition ?? position) : position,
      }),
  );
}
