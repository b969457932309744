import { join } from 'node:path';

import { expertShard, type ExpertShard } from '@scmoe/layer';
import { openSafetensors, toFloat32, type SafetensorsFile } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { factorNames, type AdaptedMatrix, type AdapterPlan } from '../../adapters/AdapterPlan.js';
import type { AnyArchitecture } from '../Architecture.js';
import { readJson } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';
import { adapterConfigFile, adapterWeightsFile, readAdapterConfig, type AdapterConfig } from './AdapterConfig.js';
import { adapterModules, type AdapterModule, type FusedParameter } from './adapterModules.js';
import { fromFused, fromLinear, splitFactors, type Factors } from './factors.js';

/** An adapter that was read: which matrices it is for, and its values, which the caller disposes. */
export interface ReadAdapter {
  plan: AdapterPlan;
  parameters: Record<string, tf.Tensor>;
}

/**
 * Reads an adapter in the form of PEFT, for single experts or fused ones, as one of a model of `architecture`.
 *
 * @param experts which of the experts the model holds
 * @throws PretrainedError naming the option that is not supported, every tensor that the model has no use for, and shapes
 *   that are those of another base model
 */
export async function readAdapter(
  folder: string,
  architecture: AnyArchitecture,
  { config, experts }: { config: object; experts: ExpertShard },
): Promise<ReadAdapter> {
  const source = join(folder, adapterConfigFile);
  const json = await readJson(folder, adapterConfigFile);
  if (!json) throw new PretrainedError(`${folder}: there is no ${adapterConfigFile}`);
  const settings = readAdapterConfig(json, source);
  const path = join(folder, adapterWeightsFile);
  const file = await openSafetensors(path);
  try {
    const modules = adapterModules(architecture, config);
    const found = pairsOf(file, modules, settings);
    const specs = architecture.specs(config, {});
    const values = new Map<string, Factors & { factor: number }>();
    const single = new Map<string, (Factors & { factor: number })[]>();
    for (const { module, key } of found) {
      const widths = module.ours.map((name) => specs[name]!.shape.at(-1)!);
      const stack = specs[module.ours[0]!]!.shape.slice(0, -2)[0];
      const [a, b] = [await read(file, `${key}.lora_A.weight`), await read(file, `${key}.lora_B.weight`)];
      const numExperts = module.parameter ? stack! : 1;
      const [rows, dIn] = a.shape as [number, number];
      const rank = rows / numExperts;
      const expected = [specs[module.ours[0]!]!.shape.at(-2)!, widths.reduce((sum, width) => sum + width, 0)];
      const fits = dIn === expected[0] && b.shape[0] === expected[1] && b.shape[1] === rows && Number.isInteger(rank);
      if (!fits)
        throw new PretrainedError(
          `${path}: '${key}': expected matrices for ${expected[0]} inputs and ${expected[1]} outputs${module.parameter ? ` of ${numExperts} experts` : ''}, got lora_A (${a.shape.join(', ')}) and lora_B (${b.shape.join(', ')}). The adapter is for another base model, '${settings.base}'.`,
        );
      const factor = settings.factorOf(module.parameter ? `${module.path}.${module.parameter}` : module.path, rank);
      const parts = tf.tidy(() => {
        const whole = module.parameter ? fromFused(a, b, numExperts) : fromLinear(a, b);
        return splitFactors(whole, widths, module.groups);
      });
      tf.dispose([a, b]);
      module.ours.forEach((name, i) => {
        const own = { ...parts[i]!, factor };
        if (module.expert === undefined) values.set(name, own);
        else single.set(name, Object.assign(single.get(name) ?? [], { [module.expert]: own }));
      });
    }
    for (const [name, each] of single) values.set(name, stacked(path, name, each, specs[name]!.shape[0]!));
    return cut(values, experts, settings);
  } finally {
    await file.close();
  }
}

interface FoundModule {
  module: AdapterModule;
  /** What the names of its tensors begin with. */
  key: string;
}

const prefix = 'base_model.model.';

/** The modules that a file has adapters for. @throws PretrainedError naming the tensors that belong to none */
function pairsOf(
  file: SafetensorsFile,
  modules: readonly AdapterModule[],
  { targetParameters, base }: AdapterConfig,
): FoundModule[] {
  const names = new Set(file.entries.map(({ name }) => name));
  const plain = new Map(modules.filter(({ parameter }) => !parameter).map((module) => [module.path, module]));
  const fused = modules.filter(({ parameter }) => parameter);
  const found = new Map<string, FoundModule>();
  const unused: string[] = [];
  for (const name of names) {
    const key = /^(.*)\.lora_[AB]\.weight$/.exec(name)?.[1];
    const path = key?.startsWith(prefix) ? key.slice(prefix.length) : undefined;
    const module = path === undefined ? undefined : (plain.get(path) ?? fusedModule(path));
    const isPair = names.has(`${key}.lora_A.weight`) && names.has(`${key}.lora_B.weight`);
    if (module && isPair) found.set(key!, { module, key: key! });
    else unused.push(name);
  }
  if (unused.length > 0)
    throw new PretrainedError(
      `${file.path}: the model has no use for ${unused.map((name) => `'${name}'`).join(', ')}. The adapter is for the base model '${base}'.`,
    );
  return [...found.values()];

  /** The outer of two nested adapters is that of the parameter that comes last; one alone is what the configuration says. */
  function fusedModule(path: string): AdapterModule | undefined {
    const inner = path.endsWith('.base_layer');
    const own = inner ? path.slice(0, -'.base_layer'.length) : path;
    const isNested = inner || names.has(`${prefix}${own}.base_layer.lora_A.weight`);
    const targeted = (parameter: FusedParameter) => targetParameters.some((name) => name.endsWith(parameter));
    const outer = isNested || !targeted('gate_up_proj') ? 'down_proj' : 'gate_up_proj';
    return fused.find((module) => module.path === own && module.parameter === (inner ? 'gate_up_proj' : outer));
  }
}

async function read(file: SafetensorsFile, name: string): Promise<tf.Tensor> {
  const stored = await file.read(name);
  return tf.tensor(toFloat32(stored), stored.shape, 'float32');
}

/** Adapters of single experts as one of the stack. */
function stacked(
  path: string,
  name: string,
  each: readonly (Factors & { factor: number })[],
  numExperts: number,
): Factors & { factor: number } {
  const missing = Array.from({ length: numExperts }, (_, i) => i).filter((i) => each[i] === undefined);
  const ranks = new Set(each.map(({ a }) => a.shape[1]));
  if (missing.length > 0 || ranks.size > 1)
    throw new PretrainedError(
      `${path}: ${name}: expected adapters of one rank for all ${numExperts} experts, got ${missing.length > 0 ? `none for ${missing.join(', ')}` : `the ranks ${[...ranks].join(', ')}`}`,
    );
  const { factor } = each[0]!;
  const whole = tf.tidy(() => ({ a: tf.stack(each.map(({ a }) => a)), b: tf.stack(each.map(({ b }) => b)) }));
  for (const { a, b } of each) tf.dispose([a, b]);
  return { ...whole, factor };
}

/** The plan, and what this rank has of the values. */
function cut(
  values: ReadonlyMap<string, Factors & { factor: number }>,
  experts: ExpertShard,
  { dropout }: AdapterConfig,
): ReadAdapter {
  const matrices: Record<string, AdaptedMatrix> = {};
  const parameters: Record<string, tf.Tensor> = {};
  const cutUp: tf.Tensor[] = [];
  for (const [name, { a, b, factor }] of values) {
    const names = factorNames(name);
    matrices[name] = { rank: a.shape.at(-1)!, factor };
    const isStack = a.rank === 3 && experts.size > 1;
    const { first, count } = isStack ? expertShard(a.shape[0], experts) : { first: 0, count: a.shape[0] };
    parameters[names.a] = isStack ? tf.slice(a, [first], [count]) : a;
    parameters[names.b] = isStack ? tf.slice(b, [first], [count]) : b;
    // Matrices side by side may have one A.
    if (isStack) cutUp.push(a, b);
  }
  tf.dispose(cutUp);
  return { plan: { matrices, dropout }, parameters };
}
