import type { JsonObject } from '../folder/openFolder.js';
import { PretrainedError } from '../PretrainedError.js';

export const adapterConfigFile = 'adapter_config.json';
export const adapterWeightsFile = 'adapter_model.safetensors';

/** What counts of an `adapter_config.json` of PEFT. */
export interface AdapterConfig {
  /** The base model as its maker called it. */
  base: string;
  dropout: number;
  targetParameters: readonly string[];
  /** Factor of a module or fused parameter with this path and rank. */
  factorOf(path: string, rank: number): number;
}

/** Options that change what an adapter computes or what it is part of, and that are not supported unless they say this. */
const only: Readonly<Record<string, readonly unknown[]>> = {
  peft_type: ['LORA'],
  bias: ['none'],
  // Other ways to begin, such as pissa, change the base model.
  init_lora_weights: [true, false, 'gaussian', 'orthogonal', 'eva'],
  layer_replication: [null],
  lora_bias: [false],
  modules_to_save: [null],
  trainable_token_indices: [null],
  use_bdlora: [null, false],
  use_dora: [false],
  use_qalora: [false],
};

/**
 * Reads an `adapter_config.json`.
 *
 * @param source path of the file, for messages
 * @throws PretrainedError naming the option that is not supported
 */
export function readAdapterConfig(config: JsonObject, source: string): AdapterConfig {
  const fail = (key: string, expected: string): never => {
    throw new PretrainedError(`${source}: ${key}: expected ${expected}, got ${JSON.stringify(config[key] ?? null)}`);
  };
  for (const [key, allowed] of Object.entries(only)) {
    const value = config[key] ?? null;
    const isAbsent = value === null && key !== 'peft_type';
    if (!isAbsent && !allowed.includes(value)) fail(key, `one of ${JSON.stringify(allowed)}`);
  }
  const number = (key: string, fallback: number, least: number) => {
    const value = config[key] ?? fallback;
    if (typeof value !== 'number' || !(value >= least)) fail(key, `a number of at least ${least}`);
    return value as number;
  };
  const alpha = number('lora_alpha', 8, 0);
  const patterns = config['alpha_pattern'] ?? {};
  if (typeof patterns !== 'object' || Object.values(patterns).some((value) => typeof value !== 'number'))
    fail('alpha_pattern', 'an object of numbers');
  const dropout = number('lora_dropout', 0, 0);
  if (dropout >= 1) fail('lora_dropout', 'a number below 1');
  const targetParameters = config['target_parameters'] ?? [];
  if (!Array.isArray(targetParameters) || targetParameters.some((name) => typeof name !== 'string'))
    fail('target_parameters', 'a list of names');
  const isRootScaled = config['use_rslora'] === true;
  return {
    base: typeof config['base_model_name_or_path'] === 'string' ? config['base_model_name_or_path'] : 'unknown',
    dropout,
    targetParameters: targetParameters as string[],
    factorOf: (path, rank) => {
      const own = Object.entries(patterns as Record<string, number>).find(([pattern]) => matches(pattern, path));
      return (own?.[1] ?? alpha) / (isRootScaled ? Math.sqrt(rank) : rank);
    },
  };
}

/** Whether a pattern, as PEFT has it, matches: a regular expression for the end of a path, from a dot on or all of it. */
function matches(pattern: string, path: string): boolean {
  try {
    return new RegExp(`^(.*\\.)?(${pattern})$`).test(path);
  } catch {
    return false;
  }
}
