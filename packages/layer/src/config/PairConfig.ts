import { expectKnownOptions, expectOneOf, optionNames } from '@scmoe/errors';

import { backboneOptions, resolveBackbone, type BackboneConfig, type ResolvedBackbone } from './BackboneConfig.js';
import {
  blockMoeOptions,
  blockKinds,
  positions,
  resolveMoe,
  type BlockMoeConfig,
  type BlockKind,
  type Position,
  type ResolvedMoe,
} from './BlockMoeConfig.js';

/** What the second block of a pair has in place of an MLP. */
export type PairKind = BlockKind;

/** Two blocks, of which the second has the experts. */
export interface PairConfig extends BackboneConfig, BlockMoeConfig {
  /** Where gate and experts are tapped; `pos2` by default. */
  position?: Position;
  /** Whose norm `shortcutNorm: 'shared'` takes: that of the MLP (default for pos2 and pos3) or of the shared expert (pos1). */
  sharedNormOf?: 'mlp' | 'sharedExpert';
}

/** A pair with every option decided. */
export interface ResolvedPair extends ResolvedBackbone {
  kind: PairKind;
  moe?: ResolvedMoe;
}

export const pairOptions = optionNames<PairConfig>({
  ...backboneOptions,
  ...blockMoeOptions,
  position: true,
  sharedNormOf: true,
});

/** Fills in the defaults of a pair. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolvePair(config: PairConfig): ResolvedPair {
  const { kind, position = 'pos2', sharedNormOf = position === 'pos1' ? 'sharedExpert' : 'mlp' } = config;
  expectOneOf('kind', kind, blockKinds);
  expectKnownOptions('pair', config, pairOptions);
  expectOneOf('position', position, positions);
  expectOneOf('sharedNormOf', sharedNormOf, ['mlp', 'sharedExpert']);
  const backbone = resolveBackbone(config);
  return { kind, ...backbone, moe: resolveMoe(config, backbone, { position, sharedNormOf }) };
}
