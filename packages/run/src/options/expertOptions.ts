import { routerOptions } from '@scmoe/gating';
import { type MoeConfig, modelLossOptions, moeOptions, type Placement, placementOption } from '@scmoe/models';

import type { OptionGroup } from './OptionGroup.js';
import { tableConfig, tableOptions } from './tableOptions.js';

/**
 * Settings of the layers with experts and of their routers: those that programs read by name. Beside them are all other
 * options of `moeOptions`, under the names of their flags; `moeConfig` makes a model's configuration of them.
 */
export interface ExpertSettings extends Pick<MoeConfig, 'position' | 'mix'> {
  kind: MoeConfig['kind'];
  numExperts: number;
  placement: Placement;
}

/** What a program takes where nothing is given. */
const programDefaults: Partial<ExpertSettings> = { kind: 'scmoe', numExperts: 8 };

const { kind, ...others } = moeOptions;
const ofRouters = { ...routerOptions, ...modelLossOptions };

/** The options of experts and of routers, in two groups: what the tables of gating, layer and models have, as flags. */
export function expertOptions(defaults: Partial<MoeConfig> = {}): OptionGroup[] {
  const experts = Object.fromEntries(Object.entries(others).filter(([name]) => !(name in ofRouters)));
  const { numExperts, topK, ...routers } = Object.fromEntries(
    Object.entries(others).filter(([name]) => name in ofRouters),
  );
  const first = { kind, placement: placementOption, numExperts: numExperts!, topK: topK! };
  const all = { ...programDefaults, ...defaults };
  return [
    { title: 'Experts', options: tableOptions({ ...first, ...experts }, all), fixed: 'all' },
    { title: 'Routers', options: tableOptions(routers, all), fixed: 'all' },
  ];
}

/** The experts of a model from a program's settings. */
export function moeConfig(settings: ExpertSettings): MoeConfig {
  return tableConfig(moeOptions, settings) as unknown as MoeConfig;
}
