import { ArgumentError, expectOneOf } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

import type { ResolvedBackbone } from '../config/BackboneConfig.js';
import type { ResolvedExperts } from '../config/MoeConfig.js';

/** Where a stage is cut in two: half of the sequences each, or half of the tokens of every sequence. */
export const splitAxes = ['batch', 'sequence'] as const;
/** One of `splitAxes`. */
export type SplitAxis = (typeof splitAxes)[number];

/** A way to split: along a set axis, or `auto`, the batch where it has two sequences, else the sequence where that can be. */
export const splitModes = ['auto', ...splitAxes] as const;
/** One of `splitModes`. */
export type SplitMode = (typeof splitModes)[number];

/** What says whether a pass can be split. */
export interface SplitPass {
  config: Pick<ResolvedBackbone, 'causal' | 'connectivity' | 'latent'> & { moe?: ResolvedExperts };
  mask?: tf.Tensor;
  /** Whether the pass continues sequences. */
  continues: boolean;
  /** Whether the experts are no parameters. */
  hasSource: boolean;
}

/**
 * The axis along which a pass of x (B, S, d) is split; undefined for one that has no routed experts, so that nothing travels, and
 * with `auto` for one that can't be split.
 *
 * @throws ArgumentError naming the axis and what stands against it, unless it was left open
 */
export function splitAxisOf(mode: SplitMode, x: tf.Tensor3D, pass: SplitPass): SplitAxis | undefined {
  expectOneOf('split', mode, splitModes);
  if (!pass.config.moe) return undefined;
  if (mode === 'auto') return splitAxes.find((axis) => !obstacleTo(axis, x, pass));
  const obstacle = obstacleTo(mode, x, pass);
  if (obstacle) throw new ArgumentError(`split: ${obstacle}`);
  return mode;
}

/** What was expected for a pass to be split along an axis, and what is; undefined where it can be. */
function obstacleTo(
  axis: SplitAxis,
  x: tf.Tensor3D,
  { config, mask, continues, hasSource }: SplitPass,
): string | undefined {
  const [numSequences, numTokens] = x.shape;
  if (config.moe!.dual) return `expected none for DGMoE, which chooses twice, got '${axis}'`;
  if (config.connectivity === 'farskip')
    return `expected none with FarSkip connectivity, whose experts travel behind the next stage already, got '${axis}'`;
  if (config.moe!.routedAhead) return `expected none for experts whose route is made ahead, got '${axis}'`;
  if (continues) return `expected none for a pass that continues sequences, got '${axis}'`;
  if (hasSource) return `expected none for experts that are no parameters, got '${axis}'`;
  if (axis === 'batch')
    return numSequences < 2 ? `expected a batch of at least 2 sequences for 'batch', got ${numSequences}` : undefined;
  if (numTokens < 2) return `expected sequences of at least 2 tokens for 'sequence', got ${numTokens}`;
  if (!config.causal)
    return "expected 'batch' where attention is not causal, so that tokens see later ones, got 'sequence'";
  if (config.latent)
    return "expected 'batch' with latent attention, which computes what continues latents in another way, got 'sequence'";
  return mask ? "expected 'batch' with a mask, which keys of earlier tokens don't carry, got 'sequence'" : undefined;
}
