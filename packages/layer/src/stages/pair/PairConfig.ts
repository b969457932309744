import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { resolveOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';

import { backboneOptions, resolveBackbone, type ResolvedBackbone } from '../../config/BackboneConfig.js';
import {
  blockMoeOptions,
  positionOption,
  resolveMoe,
  type BlockKind,
  type ResolvedMoe,
} from '../../config/BlockMoeConfig.js';
import { expectFarSkip } from '../farSkip/expectFarSkip.js';

/** What the second block of a pair has in place of an MLP. */
export type PairKind = BlockKind;

/** All options of a pair. */
export const pairOptions = {
  ...backboneOptions,
  ...blockMoeOptions,
  /** Where gate and experts are tapped. */
  position: { ...positionOption, default: 'pos2' },
  /** Whose norm `shortcutNorm: 'shared'` takes. */
  sharedNormOf: {
    type: 'choice',
    choices: ['mlp', 'sharedExpert'],
    derived: "the shared expert's for pos1, else the MLP's",
    flag: false,
    help: 'whose norm a shared shortcut norm is',
  },
} as const satisfies OptionSpecs;

/** Two blocks, of which the second has the experts. */
export interface PairConfig extends OptionsOf<typeof pairOptions> {}

/** A pair with every option decided. */
export interface ResolvedPair extends ResolvedBackbone {
  kind: PairKind;
  moe?: ResolvedMoe;
}

/** A pair with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolvePair(config: PairConfig): ResolvedPair {
  const { kind, position, sharedNormOf } = pairOptions;
  const own = resolveOptions(
    config,
    { kind, position, sharedNormOf },
    { defaults: { sharedNormOf: config.position === 'pos1' ? 'sharedExpert' : 'mlp' } },
  );
  expectKnownOptions('pair', config, Object.keys(pairOptions));
  const backbone = resolveBackbone(config);
  expectThat(backbone.normPlacement === 'before', 'normPlacement', 'before in pairs', backbone.normPlacement);
  const moe = resolveMoe(config, backbone, own);
  expectFarSkip(backbone, { kind: own.kind, moe });
  return { kind: own.kind, ...backbone, moe };
}
