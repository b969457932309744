import { expectKnownOptions, expectThat } from '@scmoe/errors';
import { resolveOptions, type OptionSpecs, type OptionsOf } from '@scmoe/gating';

import { backboneOptions, resolveBackbone, type ResolvedBackbone } from '../../config/BackboneConfig.js';
import { blockMoeOptions, resolveMoe, type BlockKind, type ResolvedMoe } from '../../config/BlockMoeConfig.js';
import { expectFarSkip } from '../farSkip/expectFarSkip.js';

/** All options of a block. */
export const blockOptions = {
  ...backboneOptions,
  ...blockMoeOptions,
  /** Whose norm `shortcutNorm: 'shared'` takes; in a block there is that of the shared expert alone. */
  sharedNormOf: {
    type: 'choice',
    choices: ['sharedExpert'],
    default: 'sharedExpert',
    flag: false,
    help: 'whose norm a shared shortcut norm is',
  },
} as const satisfies OptionSpecs;

/**
 * One block: attention, then an MLP or experts. With `scmoe` and `dgmoe` in every block of a network ("everyBlock"
 * placement), gate and experts are tapped at the block's input.
 */
export interface BlockConfig extends OptionsOf<typeof blockOptions> {}

/** A block with every option decided. */
export interface ResolvedBlock extends ResolvedBackbone {
  kind: BlockKind;
  moe?: ResolvedMoe;
}

/** A block with the defaults filled in. @throws ArgumentError naming the option, what is allowed and what came. */
export function resolveBlock(config: BlockConfig): ResolvedBlock {
  const { kind, sharedNormOf } = blockOptions;
  const own = resolveOptions(config, { kind, sharedNormOf });
  expectKnownOptions('block', config, Object.keys(blockOptions));
  const backbone = resolveBackbone(config);
  const moe = resolveMoe(config, backbone, { position: 'pos1', sharedNormOf: own.sharedNormOf });
  if (backbone.normPlacement === 'after') {
    const isPlain = !moe?.shortcut && !moe?.postNorm;
    expectThat(isPlain, 'normPlacement', 'before with a shortcut or a norm on the sum of the experts', 'after');
  }
  expectFarSkip(backbone, { kind: own.kind, moe });
  return { kind: own.kind, ...backbone, moe };
}
