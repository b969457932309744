import { expectKnownOptions, expectOneOf, optionNames } from '@scmoe/errors';

import { backboneOptions, resolveBackbone, type BackboneConfig, type ResolvedBackbone } from './BackboneConfig.js';
import {
  blockMoeOptions,
  blockKinds,
  resolveMoe,
  type BlockMoeConfig,
  type BlockKind,
  type ResolvedMoe,
} from './BlockMoeConfig.js';

/**
 * One block: attention, then an MLP or experts. With `scmoe` and `dgmoe` in every block of a network ("everyBlock"
 * placement), gate and experts are tapped at the block's input.
 */
export interface BlockConfig extends BackboneConfig, BlockMoeConfig {
  /** Whose norm `shortcutNorm: 'shared'` takes; in a block there is that of the shared expert alone. */
  sharedNormOf?: 'sharedExpert';
}

/** A block with every option decided. */
export interface ResolvedBlock extends ResolvedBackbone {
  kind: BlockKind;
  moe?: ResolvedMoe;
}

export const blockOptions = optionNames<BlockConfig>({ ...backboneOptions, ...blockMoeOptions, sharedNormOf: true });

/** Fills in the defaults of a block. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBlock(config: BlockConfig): ResolvedBlock {
  const { kind, sharedNormOf = 'sharedExpert' } = config;
  expectOneOf('kind', kind, blockKinds);
  expectKnownOptions('block', config, blockOptions);
  expectOneOf('sharedNormOf', sharedNormOf, ['sharedExpert']);
  const backbone = resolveBackbone(config);
  return { kind, ...backbone, moe: resolveMoe(config, backbone, { position: 'pos1', sharedNormOf }) };
}
