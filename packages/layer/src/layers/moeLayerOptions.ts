import { expectBoolean, expectOneOf, expectPositiveInteger } from '@scmoe/errors';
import { resolveRouter, type RouterConfig } from '@scmoe/gating';
import type { ExpertActivation } from '@scmoe/tensor';

import { defaultEpsilon, expectNorm } from '../config/BackboneConfig.js';
import { expertActivations, mixes, resolveDualRouter, routedOptions, type Mix } from '../config/MoeConfig.js';
import type { ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import type { ExpertLayerArgs } from './ExpertLayer.js';

/** The experts of a bare layer. */
export interface ExpertsConfig extends RouterConfig {
  /** Hidden width of one expert. */
  expertHidden: number;
  activation?: ExpertActivation;
  /** Biases in experts and shared expert. Default: yes, with `swiglu` no. */
  ffnBias?: boolean;
}

export interface SharedExpertConfig extends ExpertsConfig {
  /** Hidden width of the shared expert; that of the routed ones by default. */
  sharedHidden?: number;
  mix?: Mix;
}

export interface ShortcutConfig {
  /** Norm of the shortcut before gate and experts, with parameters of its own (default) or none. */
  shortcutNorm?: 'own' | 'none';
  norm?: 'layer' | 'rms';
  /** Default 1e-5 (layer), 1e-6 (rms). */
  normEpsilon?: number;
}

export const expertsOptions: Record<keyof ExpertsConfig, true> = {
  ...routedOptions,
  expertHidden: true,
  activation: true,
  ffnBias: true,
};
export const sharedExpertOptions: Record<keyof SharedExpertConfig, true> = {
  ...expertsOptions,
  sharedHidden: true,
  mix: true,
};
export const shortcutOptions: Record<keyof ShortcutConfig, true> = {
  shortcutNorm: true,
  norm: true,
  normEpsilon: true,
};

export interface MixtureOfExpertsArgs extends ExpertLayerArgs, ExpertsConfig {}
export interface SharedExpertMoEArgs extends ExpertLayerArgs, SharedExpertConfig {}
export interface ScMoEArgs extends ExpertLayerArgs, SharedExpertConfig, ShortcutConfig {}
export interface DgMoEArgs extends ExpertLayerArgs, ExpertsConfig, ShortcutConfig {}

export function resolveMoeLayer(config: ExpertsConfig, defaultTopK: number): ResolvedMoeLayer {
  return { ...resolveExperts(config), ...resolveRouter(config, { topK: defaultTopK }), dual: false };
}

export function resolveSharedMoeLayer(config: SharedExpertConfig): ResolvedMoeLayer {
  const { sharedHidden = config.expertHidden, mix = 'cg1' } = config;
  expectPositiveInteger('sharedHidden', sharedHidden);
  expectOneOf('mix', mix, mixes);
  return { ...resolveMoeLayer(config, 1), shared: { hidden: sharedHidden, mix } };
}

export function resolveScMoeLayer(config: SharedExpertConfig & ShortcutConfig): ResolvedMoeLayer {
  return { ...resolveSharedMoeLayer(config), shortcutNorm: resolveShortcutNorm(config) };
}

export function resolveDgMoeLayer(config: ExpertsConfig & ShortcutConfig): ResolvedMoeLayer {
  const shortcutNorm = resolveShortcutNorm(config);
  return { ...resolveExperts(config), ...resolveDualRouter(config), dual: true, shortcutNorm };
}

function resolveExperts({ expertHidden, activation = 'gelu', ffnBias = activation !== 'swiglu' }: ExpertsConfig) {
  expectPositiveInteger('expertHidden', expertHidden);
  expectOneOf('activation', activation, expertActivations);
  expectBoolean('ffnBias', ffnBias);
  return { expertHidden, activation, ffnBias };
}

function resolveShortcutNorm(config: ShortcutConfig): ResolvedMoeLayer['shortcutNorm'] {
  const { shortcutNorm = 'own', norm = 'layer', normEpsilon = defaultEpsilon(norm) } = config;
  expectOneOf('shortcutNorm', shortcutNorm, ['own', 'none']);
  expectNorm(norm, normEpsilon);
  return shortcutNorm === 'own' ? { norm, normEpsilon } : undefined;
}
