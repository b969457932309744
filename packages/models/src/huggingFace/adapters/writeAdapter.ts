import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ArgumentError, expectThat } from '@scmoe/errors';
import { writeSafetensors, type DeferredTensor } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { factorNames, type AdapterPlan } from '../../adapters/AdapterPlan.js';
import type { AnyArchitecture } from '../Architecture.js';
import { adapterConfigFile, adapterWeightsFile } from './AdapterConfig.js';
import { adapterModules, type AdapterModule } from './adapterModules.js';
import { joinFactors, toFused, toLinear, type Factors } from './factors.js';

/** How the adapters of experts are written: one for each expert and projection, or fused, as PEFT has them with transformers 5. */
export type AdapterLayout = 'perExpert' | 'fused';

export interface WriteAdapterOptions {
  layout: AdapterLayout;
  /** Name of the base model, which PEFT loads it by. */
  base: string;
}

/** An adapter and the model that it is for. */
export interface AdapterOfModel {
  config: object;
  plan: AdapterPlan;
  tensors: Readonly<Record<string, tf.Tensor>>;
}

/** One module of the file. */
interface Written extends AdapterModule {
  rank: number;
  factor: number;
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them. The factor stands in `lora_alpha`, that of
 * rslora too: PEFT doubles rank and alpha of fused experts, which leaves alpha / rank as it is and would change
 * alpha / sqrt(rank).
 *
 * @throws ArgumentError where the family has no single experts, or matrices of one module have different factors
 */
export async function writeAdapter(
  folder: string,
  architecture: AnyArchitecture,
  { config, plan, tensors }: AdapterOfModel,
  { layout, base }: WriteAdapterOptions,
): Promise<void> {
  const modules = evened(modulesOf(adapterModules(architecture, config), plan, layout));
  const specs = architecture.specs(config, {});
  const stored: Record<string, DeferredTensor> = {};
  const isNested = new Set(modules.filter(({ parameter }) => parameter === 'down_proj').map(({ path }) => path));
  for (const module of modules) {
    const { path, ours, expert, parameter, groups } = module;
    const inner = parameter === 'gate_up_proj' && isNested.has(path) ? '.base_layer' : '';
    const { a, b } = tf.tidy(() => {
      const parts = ours.map((name) => factorsOf(name, tensors, specs[name]!.shape, expert));
      const whole = evenedFactors(joinFactors(parts, groups), module, plan.matrices[ours[0]!]?.factor);
      return parameter ? toFused(whole) : toLinear(whole);
    });
    for (const [name, tensor] of Object.entries({ A: a, B: b })) {
      const data = async () => {
        const values = (await tensor.data()) as Float32Array;
        tensor.dispose();
        return values;
      };
      stored[`base_model.model.${path}${inner}.lora_${name}.weight`] = { dtype: 'F32', shape: tensor.shape, data };
    }
  }
  await mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, adapterWeightsFile), stored, { metadata: { format: 'pt' } });
  const text = `${JSON.stringify(configOf(modules, plan, base), undefined, 2)}\n`;
  const partial = join(folder, `${adapterConfigFile}.partial`);
  await writeFile(partial, text);
  await rename(partial, join(folder, adapterConfigFile));
}

/** The modules that are written: each matrix once. */
function modulesOf(all: readonly AdapterModule[], { matrices }: AdapterPlan, layout: AdapterLayout): Written[] {
  const written: Written[] = [];
  const taken = new Set<string>();
  // Names of modules in memory come after those in files, and routers have adapters under the former.
  for (const module of [...all].reverse()) {
    const { ours, expert, parameter } = module;
    const adapted = ours.filter((name) => matrices[name]);
    const isOther = expert !== undefined ? layout === 'fused' : parameter !== undefined && layout === 'perExpert';
    const key = `${ours[0]} ${expert ?? ''}`;
    if (adapted.length === 0 || isOther || taken.has(key)) continue;
    taken.add(key);
    const factors = new Set(adapted.map((name) => matrices[name]!.factor));
    expectThat(factors.size === 1, 'adapter', `one factor for ${adapted.join(' and ')}`, [...factors]);
    const rank = adapted.reduce((sum, name) => sum + matrices[name]!.rank, 0);
    written.push({ ...module, rank, factor: [...factors][0]! });
  }
  const found = new Set(written.flatMap(({ ours }) => ours));
  const missing = Object.keys(matrices).filter((name) => !found.has(name));
  if (missing.length > 0)
    throw new ArgumentError(`layout: expected one that has ${missing.join(', ')}, got '${layout}'`);
  return written.reverse();
}

/**
 * PEFT fuses single experts on loading, with one rank and alpha for all of them. They get the largest rank, by rows of zeros,
 * and one factor, the difference being in B.
 */
function evened(modules: readonly Written[]): Written[] {
  const experts = modules.filter(({ expert }) => expert !== undefined);
  if (experts.length === 0) return [...modules];
  const rank = Math.max(...experts.map((each) => each.rank));
  const { factor } = experts[0]!;
  return modules.map((each) => (each.expert === undefined ? each : { ...each, rank, factor }));
}

/** The same product with the rank and the factor that a module is written with. */
function evenedFactors({ a, b }: Factors, { rank, factor }: Written, own = factor): Factors {
  const missing = rank - a.shape.at(-1)!;
  const scaled = own === factor ? b : tf.mul(b, own / factor);
  if (missing === 0) return { a, b: scaled };
  const before = a.shape.slice(0, -2).map((): [number, number] => [0, 0]);
  return {
    a: tf.pad(a, [...before, [0, 0], [0, missing]]),
    b: tf.pad(scaled, [...before, [0, missing], [0, 0]]),
  };
}

/** The factors of a matrix, or of one expert of a stack; of a matrix without an adapter, of rank 0. */
function factorsOf(
  name: string,
  tensors: Readonly<Record<string, tf.Tensor>>,
  shape: readonly number[],
  expert: number | undefined,
): Factors {
  const names = factorNames(name);
  const [a, b] = [tensors[names.a], tensors[names.b]];
  if (!a || !b) {
    const stack = shape.slice(0, -2);
    return { a: tf.zeros([...stack, shape.at(-2)!, 0]), b: tf.zeros([...stack, 0, shape.at(-1)!]) };
  }
  if (expert === undefined) return { a, b };
  const own = (x: tf.Tensor) => tf.squeeze(tf.slice(x, [expert], [1]), [0]);
  return { a: own(a), b: own(b) };
}

function configOf(modules: readonly Written[], { dropout }: AdapterPlan, base: string): object {
  // PEFT knows no other rank of single experts than r.
  const first =
    modules.find(({ expert }) => expert !== undefined) ??
    modules.find(({ parameter }) => parameter !== 'gate_up_proj') ??
    modules[0]!;
  const alphaOf = ({ rank, factor }: Written) => rank * factor;
  const pathOf = ({ path, parameter }: Written) => (parameter ? `${path}.${parameter}` : path);
  const others = modules.filter((each) => each.rank !== first.rank || alphaOf(each) !== alphaOf(first));
  const patterns = (valueOf: (module: Written) => number) =>
    Object.fromEntries(others.map((each) => [pathOf(each).replaceAll('.', '\\.'), valueOf(each)]));
  const isParameter = ({ ours, parameter }: Written) => parameter !== undefined || /\.router\./.test(ours[0]!);
  const parameters = modules.filter(isParameter).map((each) => (each.parameter ? pathOf(each) : `${each.path}.weight`));
  return {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: base,
    r: first.rank,
    lora_alpha: alphaOf(first),
    lora_dropout: dropout,
    use_rslora: false,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
    rank_pattern: patterns(({ rank }) => rank),
    alpha_pattern: patterns(alphaOf),
    target_modules: ends(modules.filter((each) => !isParameter(each)).map(pathOf)),
    target_parameters: parameters.length > 0 ? ends(parameters, 3) : null,
  };
}

/** The last names of paths, without repetition: PEFT takes them for the ends of all modules. */
function ends(paths: readonly string[], count = 1): string[] {
  return [...new Set(paths.map((path) => path.split('.').slice(-count).join('.')))].sort();
}
