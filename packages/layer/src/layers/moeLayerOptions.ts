import type { ExpertActivation } from '@scmoe/tensor';

import { expectOneOf, expectPositiveInteger } from '../config/ConfigurationError.js';
import { expertActivations, mixes, resolveRouted, type Mix, type RoutedConfig } from '../config/MoeConfig.js';
import type { ResolvedMoeLayer } from '../moe/runMoe.js';
import type { ExpertLayerArgs } from './ExpertLayer.js';

export interface MixtureOfExpertsArgs extends ExpertLayerArgs, RoutedConfig {
  /** Hidden width of one expert. */
  expertHidden: number;
  activation?: ExpertActivation;
}

export interface SharedExpertMoEArgs extends MixtureOfExpertsArgs {
  /** Hidden width of the shared expert; that of the routed ones by default. */
  sharedHidden?: number;
  mix?: Mix;
}

export function resolveMoeLayer(args: MixtureOfExpertsArgs, defaultTopK: number): ResolvedMoeLayer {
  const { expertHidden, activation = 'gelu' } = args;
  expectPositiveInteger('expertHidden', expertHidden);
  expectOneOf('activation', activation, expertActivations);
  return { ...resolveRouted(args, defaultTopK), expertHidden, activation };
}

export function resolveSharedMoeLayer(args: SharedExpertMoEArgs): ResolvedMoeLayer {
  const { sharedHidden = args.expertHidden, mix = 'cg1' } = args;
  expectPositiveInteger('sharedHidden', sharedHidden);
  expectOneOf('mix', mix, mixes);
  return { ...resolveMoeLayer(args, 1), shared: { hidden: sharedHidden, mix } };
}
