import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as tf from '@tensorflow/tfjs';

/** One case of the reference values: what went in, what came out, and the options it was computed with. */
export interface Reference<Config = ReferenceConfig> {
  tensors: Record<string, tf.Tensor>;
  config: Config;
}

/** Options that have other names there than here; all others are the same. */
export interface ReferenceConfig extends Record<string, unknown> {
  layer: string;
  rope: 'half' | 'interleaved' | null;
  ropeTheta?: number;
  normEps: number;
  numHeads: number;
  numExperts: number;
  auxLossCoefficient?: number;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'reference', 'values');
const { cases } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
  cases: { name: string; kind: string }[];
};

/**
 * Names of all reference cases of a kind (a folder of `tools/reference/values`).
 *
 * @throws Error where there is none: a test without its reference values must not pass.
 */
export function referenceCases(kind: string): string[] {
  const names = cases.filter((entry) => entry.kind === kind).map(({ name }) => name);
  if (names.length > 0) return names;
  const kinds = [...new Set(cases.map((entry) => entry.kind))];
  throw new Error(`reference cases: expected one of the kinds ${kinds.join(', ')}, got ${kind}`);
}

/**
 * The reference case `name`, its tensors on the current backend. The file is read here and not by @scmoe/tensor, whose
 * reader is among what is tested.
 *
 * @throws Error where there is no such case.
 */
export function readReference<Config = ReferenceConfig>(name: string): Reference<Config> {
  const kind = cases.find((entry) => entry.name === name)?.kind;
  if (kind === undefined) throw new Error(`reference case: expected a name of ${folder}/index.json, got ${name}`);
  const file = readFileSync(join(folder, kind, `${name}.safetensors`));
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, Entry> & {
    __metadata__: { config: string };
  };
  const { __metadata__: metadata, ...entries } = header;
  const tensors: Record<string, tf.Tensor> = {};
  for (const [key, { dtype, shape, data_offsets: offsets }] of Object.entries(entries)) {
    const bytes = new Uint8Array(file.subarray(8 + headerBytes + offsets[0], 8 + headerBytes + offsets[1])).buffer;
    tensors[key] =
      dtype === 'I32' ? tf.tensor(new Int32Array(bytes), shape, 'int32') : tf.tensor(new Float32Array(bytes), shape);
  }
  return { tensors, config: JSON.parse(metadata.config) as Config };
}

/** One test for each reference case of a kind. */
export function itMatchesReference(
  title: string,
  kind: string,
  body: (reference: Reference<unknown>) => void | Promise<void>,
): void {
  for (const name of referenceCases(kind)) it(`${title} ${name}`, async () => body(readReference(name)));
}
