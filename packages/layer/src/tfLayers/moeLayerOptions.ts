import {
  resolveOptions,
  resolveRouter,
  routerOptions,
  type OptionSpecs,
  type OptionsOf,
  type RouterConfig,
} from '@scmoe/gating';

import { defaultEpsilon, defaultFfnBias, ffnOptions, normOptions } from '../config/BackboneConfig.js';
import { expertOptions, resolveDualRouter, sharedExpertOptions } from '../config/MoeConfig.js';
import type { ResolvedMoeLayer } from '../moe/moeLayerOperators.js';
import type { ExpertLayerArgs } from './ExpertLayer.js';

const ffn = { ...ffnOptions, expertHidden: { ...expertOptions.expertHidden, required: true } } as const;
const shortcut = {
  /** Norm of the shortcut before gate and experts, with parameters of its own or none. */
  shortcutNorm: { type: 'choice', choices: ['own', 'none'], default: 'own', help: 'norm of the shortcut' },
  ...normOptions,
} as const satisfies OptionSpecs;

/** Options of the bare layers: experts; experts and a shared one; the same with a shortcut; DGMoE. */
export const mixtureOfExpertsOptions = { ...routerOptions, ...ffn } as const satisfies OptionSpecs;
export const sharedExpertMoEOptions = {
  ...mixtureOfExpertsOptions,
  ...sharedExpertOptions,
} as const satisfies OptionSpecs;
export const scMoEOptions = { ...sharedExpertMoEOptions, ...shortcut } as const satisfies OptionSpecs;
export const dgMoEOptions = { ...mixtureOfExpertsOptions, ...shortcut } as const satisfies OptionSpecs;

type ExpertsConfig = OptionsOf<typeof mixtureOfExpertsOptions>;
type SharedExpertConfig = OptionsOf<typeof sharedExpertMoEOptions>;
type ShortcutConfig = OptionsOf<typeof shortcut>;

export interface MixtureOfExpertsArgs extends ExpertLayerArgs, ExpertsConfig {}
export interface SharedExpertMoEArgs extends ExpertLayerArgs, SharedExpertConfig {}
export interface ScMoEArgs extends ExpertLayerArgs, OptionsOf<typeof scMoEOptions> {}
export interface DgMoEArgs extends ExpertLayerArgs, OptionsOf<typeof dgMoEOptions> {}

export function resolveMoeLayer(config: ExpertsConfig, defaultTopK: number): ResolvedMoeLayer {
  return { ...resolveFfn(config), ...resolveRouter(config, { topK: defaultTopK }), dual: false };
}

export function resolveSharedMoeLayer(config: SharedExpertConfig): ResolvedMoeLayer {
  const defaults = { sharedHidden: config.expertHidden };
  const { sharedHidden, mix } = resolveOptions(config, sharedExpertOptions, { defaults });
  return { ...resolveMoeLayer(config, 1), shared: { hidden: sharedHidden, mix } };
}

export function resolveScMoeLayer(config: SharedExpertConfig & ShortcutConfig): ResolvedMoeLayer {
  return { ...resolveSharedMoeLayer(config), shortcutNorm: resolveShortcutNorm(config) };
}

export function resolveDgMoeLayer(config: RouterConfig & ExpertsConfig & ShortcutConfig): ResolvedMoeLayer {
  const shortcutNorm = resolveShortcutNorm(config);
  return { ...resolveFfn(config), ...resolveDualRouter(config), dual: true, shortcutNorm };
}

function resolveFfn(config: ExpertsConfig) {
  return resolveOptions(config, ffn, { defaults: { ffnBias: defaultFfnBias(config.activation) } });
}

function resolveShortcutNorm(config: ShortcutConfig): ResolvedMoeLayer['shortcutNorm'] {
  const defaults = { normEpsilon: defaultEpsilon(config.norm) };
  const { shortcutNorm, norm, normEpsilon } = resolveOptions(config, shortcut, { defaults });
  return shortcutNorm === 'own' ? { norm, normEpsilon } : undefined;
}
