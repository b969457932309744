import { isExpertParameter } from '@scmoe/layer';

import type { Architecture, PretrainedModel } from '../Architecture.js';
import { linkTensors, type TensorLink } from '../tensors/linkTensors.js';

/** A module of transformers that an adapter may be for, and the matrices here that it multiplies by. */
export interface AdapterModule {
  /** Its path in transformers: `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  /** Matrices of the model, side by side along their outputs. */
  readonly ours: readonly string[];
  /** Groups of columns within each of which they lie side by side. */
  readonly groups: number;
  /** The expert of a stack that it is. */
  readonly expert?: number;
  /** All experts together: which of the two parameters of the module. */
  readonly parameter?: FusedParameter;
}

export type FusedParameter = 'gate_up_proj' | 'down_proj';

/** All modules of a model that has `config`: experts one by one and fused, others under each of their names. */
export function adapterModules<Config>(
  architecture: Architecture<Config, PretrainedModel<Config>>,
  config: Config,
): AdapterModule[] {
  const links = linkTensors(architecture.rules(config), architecture.specs(config, {}));
  const inMemory = (name: string) => architecture.moduleName?.(name) ?? name;
  const modules: AdapterModule[] = [];
  const fused = new Map<string, AdapterModule>();
  const addFused = (path: string, parameter: FusedParameter, { ours, groups }: TensorLink) => {
    const before = fused.get(`${path}.${parameter}`)?.ours ?? [];
    const names = [...before, ...ours.map(({ name }) => name)];
    fused.set(`${path}.${parameter}`, { path, parameter, ours: names, groups });
  };
  for (const link of links) {
    const { ours, theirs, groups, stacked } = link;
    // No vectors, and no convolution, which is no product.
    if (ours.some(({ name, shape }) => shape.length < 2 || name.endsWith('.conv'))) continue;
    const names = ours.map(({ name }) => name);
    const first = theirs[0]!.name;
    if (!isExpertParameter(names[0]!)) {
      const paths = new Set([first, inMemory(first)].filter((name) => name.endsWith('.weight')));
      for (const path of paths) modules.push({ path: withoutWeight(path), ours: names, groups });
      continue;
    }
    if (stacked) {
      theirs.forEach(({ name }, expert) => modules.push({ path: withoutWeight(name), ours: names, groups, expert }));
    }
    const [path, rest] = inMemory(first).split(/(?<=\.experts)\./) as [string, string];
    const isDown = names[0]!.endsWith('.down');
    // Stacks of the file have the name of the parameter; single experts that of their own.
    if (stacked || rest === 'gate_up_proj' || rest === 'down_proj')
      addFused(path, isDown ? 'down_proj' : 'gate_up_proj', link);
  }
  return [...modules, ...fused.values()];
}

function withoutWeight(name: string): string {
  return name.replace(/\.weight$/, '');
}
