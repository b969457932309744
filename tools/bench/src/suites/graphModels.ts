import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

import { useBackend } from '@scmoe/tensor';
import * as tf from '@tensorflow/tfjs';

import { alternate } from '../alternate.js';
import { secondsNow } from '../secondsNow.js';
import { median } from '../statistics.js';
import { table } from '../table.js';

/** Options of `graphModelsSuite`. */
export interface GraphModelsOptions {
  /** Folder of GraphModels: `<name>.json`, or `<name>/model.json`. */
  folder: string;
  rounds?: number;
  threads?: number;
  /** Only the models whose names begin with one of these. */
  only?: string[];
}

/** A model on one backend, with what it is asked. */
interface Subject {
  model: tf.GraphModel;
  inputs: tf.NamedTensorMap;
  /** Whether only `executeAsync` will do. */
  waits: boolean;
}

const backends = ['scmoe', 'wasm'] as const;
const inferencesPerRound = 5;
/** Until V8 has compiled what TF.js does for each node of a graph: milliseconds of inferences, and the most there are of them. */
const warmUp = { ms: 1000, inferences: 50 };
/** Sides that are open in a model's signature. */
const openSize = 192;

/** Other people's GraphModels on our backend and on wasm, alternating; TF.js's own backend says what is right. */
export async function graphModelsSuite({ folder, rounds = 5, threads = 1, only }: GraphModelsOptions): Promise<string> {
  const rows: string[][] = [];
  const ratios: number[] = [];
  for (const path of modelFiles(folder)) {
    const name = basename(path) === 'model.json' ? basename(join(path, '..')) : basename(path, '.json');
    if (only && !only.some((word) => name.startsWith(word))) continue;
    const { row, ratio } = await measure(name, path, rounds, threads);
    rows.push(row);
    if (ratio !== undefined) ratios.push(ratio);
    console.error(row.join('  '));
  }
  const unit = threads === 1 ? 'CPU ms' : 'ms';
  const header = ['model', 'inputs', `scmoe, ${unit}`, `wasm, ${unit}`, 'times as fast', 'off cpu by'];
  const slower = ratios.filter((ratio) => ratio < 1).length;
  const total = `${ratios.length} models, ${threads} thread(s): median ${median(ratios).toFixed(2)} times as fast, ${slower} slower.`;
  return `${table(header, rows)}\n\n${total}`;
}

function modelFiles(folder: string): string[] {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true });
  return files
    .filter((file) => file.isFile() && file.name.endsWith('.json') && !/manifest|^models\.json|package/.test(file.name))
    .map((file) => join(file.parentPath, file.name))
    .sort();
}

async function measure(name: string, path: string, rounds: number, threads: number) {
  const outputs = new Map<string, Float32Array[] | string>();
  const subjects = new Map<string, Subject>();
  let shapes = '';
  for (const backend of ['cpu', ...backends]) {
    try {
      await useBackend(backend, { threads });
      const model = await tf.loadGraphModel(`file://${path}`);
      const inputs = inputsOf(model);
      shapes = model.inputs.map(({ shape }) => sizesOf(shape).join(' x ')).join(', ');
      const { subject, values } = await firstRun(model, inputs);
      subjects.set(backend, subject);
      outputs.set(backend, values);
    } catch (error) {
      outputs.set(backend, (error as Error).message.split('\n')[0]!);
    }
  }
  const failure = backends.map((backend) => outputs.get(backend)!).find((output) => typeof output === 'string');
  if (failure !== undefined) {
    const column = (backend: string) => (typeof outputs.get(backend) === 'string' ? 'fails' : 'runs');
    return { row: [name, shapes, column('scmoe'), column('wasm'), '', failure.slice(0, 60)], ratio: undefined };
  }
  const timed = backends.map((backend) => ({
    name: backend,
    run: async () => {
      await useBackend(backend, { threads });
      const subject = subjects.get(backend)!;
      await run(subject);
      const start = secondsNow(threads);
      for (let i = 0; i < inferencesPerRound; i++) await run(subject);
      return (secondsNow(threads) - start) / inferencesPerRound;
    },
  }));
  for (const backend of backends) {
    await useBackend(backend, { threads });
    const start = performance.now();
    for (let i = 0; i < warmUp.inferences && performance.now() - start < warmUp.ms; i++)
      await run(subjects.get(backend)!);
  }
  const taken = await alternate(timed, rounds);
  const [ours, theirs] = backends.map((backend) => median(taken.get(backend)!) * 1e3) as [number, number];
  const difference = worst(outputs.get('cpu')!, outputs.get('scmoe') as Float32Array[]);
  for (const { model, inputs } of subjects.values()) {
    model.dispose();
    tf.dispose(inputs);
  }
  const figures = [ours.toFixed(1), theirs.toFixed(1), (theirs / ours).toFixed(2), difference];
  return { row: [name, shapes, ...figures], ratio: theirs / ours };
}

const sizesOf = (shape: number[] | undefined) =>
  (shape ?? []).map((size, d) => (size > 0 ? size : d === 0 ? 1 : openSize));

/** Seeded random input, made once: drawing it takes longer than a small model. */
function inputsOf(model: tf.GraphModel): tf.NamedTensorMap {
  const inputs: tf.NamedTensorMap = {};
  model.inputs.forEach(({ name, shape, dtype }, i) => {
    const sizes = sizesOf(shape);
    inputs[name] = tf.tidy(() => {
      const noise = tf.randomUniform(sizes, 0, dtype === 'int32' ? 255 : 1, 'float32', i + 1);
      return dtype === 'int32' ? tf.cast(noise, 'int32') : noise;
    });
  });
  return inputs;
}

/** One inference, with all outputs read. */
async function run({ model, inputs, waits }: Subject): Promise<Float32Array[]> {
  const results = [waits ? await model.executeAsync(inputs) : model.execute(inputs)].flat();
  const values = await Promise.all(results.map(async (result) => Float32Array.from(await result.data())));
  tf.dispose(results);
  return values;
}

/** The first inference, which shows whether there is control flow or a shape that depends on values: TF.js wants `executeAsync` then. */
async function firstRun(model: tf.GraphModel, inputs: tf.NamedTensorMap) {
  const subject: Subject = { model, inputs, waits: false };
  try {
    return { subject, values: await run(subject) };
  } catch (error) {
    if (!(error as Error).message.includes('executeAsync')) throw error;
    subject.waits = true;
    return { subject, values: await run(subject) };
  }
}

function worst(expected: Float32Array[] | string, actual: Float32Array[]): string {
  if (typeof expected === 'string') return 'cpu fails';
  let most = 0;
  expected.forEach((values, i) => {
    const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-9);
    values.forEach((value, j) => (most = Math.max(most, Math.abs(value - actual[i]![j]!) / scale)));
  });
  return most.toExponential(0);
}
