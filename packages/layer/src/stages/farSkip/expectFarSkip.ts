import { expectThat } from '@scmoe/errors';

import type { ResolvedBackbone } from '../../config/BackboneConfig.js';
import type { BlockKind, ResolvedMoe } from '../../config/BlockMoeConfig.js';

/**
 * Checks that a block or pair can have FarSkip connectivity where it asks for it.
 *
 * @throws ArgumentError for gates with a shortcut of their own, and norms that need the sum of what arrives apart
 */
export function expectFarSkip(
  { connectivity, normPlacement }: ResolvedBackbone,
  { kind, moe }: { kind: BlockKind; moe?: ResolvedMoe | undefined },
): void {
  if (connectivity !== 'farskip') return;
  const what = 'connectivity';
  expectThat(!moe?.shortcut, what, `regular with kind '${kind}', whose gate has a shortcut already`, connectivity);
  expectThat(
    !moe?.postNorm,
    what,
    'regular with postNorm, a norm on the sum of shared and routed output',
    connectivity,
  );
  expectThat(normPlacement === 'before', what, "regular with normPlacement 'after'", connectivity);
}

/** Checks that a stage hands on one tensor. @throws ArgumentError where what is routed would be pending behind it */
export function expectRegular({ connectivity }: ResolvedBackbone, where: string): void {
  expectThat(connectivity === 'regular', 'connectivity', `regular ${where}`, connectivity);
}
