import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { ArgumentError, ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { writeAll, writeAtomically } from './writeAtomically.js';

const scheme = 'file://';
const modelFile = 'model.json';
const weightsFile = 'weights.bin';

type Find = (url: string | string[]) => tf.io.IOHandler[];

/**
 * What is registered, shared by all copies of this package in the process (its ESM and CommonJS builds): one pair of
 * routers is enough.
 */
const registeredWith: WeakSet<object> = ((globalThis as Record<symbol, unknown>)[Symbol.for('@scmoe/tensor.files')] ??=
  new WeakSet()) as WeakSet<object>;

/**
 * Teaches `tf.LayersModel.save` and `tf.loadLayersModel` the URLs `file://<folder>` and `file://<folder>/model.json`,
 * in tfjs-node's layout: `model.json` and `weights.bin` in one folder. Called when the package is imported. Where another
 * package handles `file://` (tfjs-node itself), it is left to that one: TF.js refuses a URL with two handlers.
 */
export function registerFileHandlers(): void {
  if (registeredWith.has(tf.io.registerSaveRouter)) return;
  registeredWith.add(tf.io.registerSaveRouter);
  tf.io.registerSaveRouter(routerUnlessFound((url) => tf.io.getSaveHandlers(url)));
  tf.io.registerLoadRouter(routerUnlessFound((url) => tf.io.getLoadHandlers(url)));
}

function routerUnlessFound(find: Find): (url: string | string[]) => tf.io.IOHandler {
  // TF.js's types know no null, though it is how a router says that a URL is not its own.
  const notOurs = null as unknown as tf.io.IOHandler;
  let asking = false;
  return (url) => {
    if (asking || typeof url !== 'string' || !url.startsWith(scheme)) return notOurs;
    asking = true;
    try {
      if (find(url).length > 0) return notOurs;
    } finally {
      asking = false;
    }
    const path = resolve(url.slice(scheme.length));
    return { save: (artifacts) => save(path, artifacts), load: () => load(path) };
  };
}

async function save(folder: string, artifacts: tf.io.ModelArtifacts): Promise<tf.io.SaveResult> {
  const { weightSpecs = [], weightData = [], getWeightStream: _, ...rest } = artifacts;
  if (rest.modelTopology instanceof ArrayBuffer) {
    throw new ArgumentError(`${folder}: modelTopology: expected JSON, got a binary one`);
  }
  const found = await stat(folder).catch(() => undefined);
  if (found?.isFile()) throw new ArgumentError(`${folder}: expected a folder to save a model to, got a file`);
  await mkdir(folder, { recursive: true });

  await writeAtomically(join(folder, weightsFile), async (file) => {
    for (const part of [weightData].flat()) await writeAll(file, new Uint8Array(part));
  });
  const model = { ...rest, weightsManifest: [{ paths: [weightsFile], weights: weightSpecs }] };
  await writeAtomically(join(folder, modelFile), (file) => writeAll(file, Buffer.from(JSON.stringify(model))));
  return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
}

async function load(path: string): Promise<tf.io.ModelArtifacts> {
  const found = await stat(path).catch(doesNotExist('model'));
  const file = found.isDirectory() ? join(path, modelFile) : path;
  const text = await readFile(file, 'utf8').catch(doesNotExist('model'));
  let model: tf.io.ModelJSON;
  try {
    model = JSON.parse(text) as tf.io.ModelJSON;
  } catch (cause) {
    throw new ScmoeError(`${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  return tf.io.getModelArtifactsForJSON(model, async (manifest) => {
    const paths = manifest.flatMap((group) => group.paths);
    const parts = await Promise.all(
      paths.map((name) => readFile(join(dirname(file), name)).catch(doesNotExist('weights'))),
    );
    const weights = tf.io.concatenateArrayBuffers(parts.map((part) => new Uint8Array(part).buffer));
    return [manifest.flatMap((group) => group.weights), weights];
  });
}

function doesNotExist(what: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    if (error.code === 'ENOENT') throw new ScmoeError(`${error.path}: the file of the ${what} does not exist`);
    throw error;
  };
}
