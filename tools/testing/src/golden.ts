import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as tf from '@tensorflow/tfjs';

/** One case of the reference values: what went in, what came out, and the options it was computed with. */
export interface Golden<Config = GoldenConfig> {
  tensors: Record<string, tf.Tensor>;
  config: Config;
}

/** Options that have other names there than here; all others are the same. */
export interface GoldenConfig extends Record<string, unknown> {
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

// Reference values lie beside the repository, not in it: tests that need them skip where they are absent.
const repository = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const folder = join(repository, '..', 'shared', 'golden');
let reported = false;

function present(): boolean {
  if (existsSync(folder)) return true;
  if (!reported) console.warn(`skipped: no reference values in ${folder}`);
  reported = true;
  return false;
}

/** The reference case `name`, its tensors on the current backend; undefined, with a printed reason, where it is absent. */
export function golden<Config = GoldenConfig>(name: string): Golden<Config> | undefined {
  if (!present()) return undefined;
  const path = join(folder, `${name}.safetensors`);
  if (!existsSync(path)) {
    console.warn(`skipped: no reference values in ${path}`);
    return undefined;
  }
  const file = readFileSync(path);
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

/** Path of the reference folder `name` (a public checkpoint); undefined, with a printed reason, where it is absent. */
export function goldenFolder(name: string): string | undefined {
  if (!present()) return undefined;
  const path = join(folder, name);
  if (existsSync(path)) return path;
  console.warn(`skipped: no reference values in ${path}`);
  return undefined;
}

/** Names of the reference cases that begin with `prefix`, sorted; empty, with a printed reason, where there are none. */
export function goldenNames(prefix: string): string[] {
  if (!present()) return [];
  return readdirSync(folder)
    .filter((file) => file.startsWith(prefix) && file.endsWith('.safetensors'))
    .map((file) => file.slice(0, -'.safetensors'.length))
    .sort();
}

/** One test for each reference case whose name begins with `prefix`; one skipped test where there are none. */
export function itGolden(
  title: string,
  prefix: string,
  body: (reference: Golden<unknown>) => void | Promise<void>,
): void {
  const names = goldenNames(prefix);
  if (names.length === 0) it.skip(`${title} ${prefix}*`, () => undefined);
  for (const name of names) it(`${title} ${name}`, async () => body(golden(name)!));
}
