import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { ArgumentError, ScmoeError } from '@scmoe/errors';
import * as tf from '@tensorflow/tfjs';

import { parseModelFile, weightBytes } from './modelFile.js';
import { writeAll, writeAtomically } from './writeAtomically.js';

const scheme = 'file://';
const modelFile = 'model.json';
const weightsFile = 'weights.bin';

type Find = (url: string | string[]) => tf.io.IOHandler[];
type Router = (url: string | string[], options?: tf.io.LoadOptions) => tf.io.IOHandler;

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

function routerUnlessFound(find: Find): Router {
  // TF.js's types know no null, though it is how a router says that a URL is not its own.
  const notOurs = null as unknown as tf.io.IOHandler;
  let asking = false;
  return (url, options) => {
    if (asking || typeof url !== 'string' || !url.startsWith(scheme)) return notOurs;
    asking = true;
    try {
      if (find(url).length > 0) return notOurs;
    } finally {
      asking = false;
    }
    const path = resolve(url.slice(scheme.length));
    return { save: (artifacts) => save(path, artifacts), load: () => load(path, options ?? {}) };
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

async function load(path: string, options: tf.io.LoadOptions): Promise<tf.io.ModelArtifacts> {
  const found = await stat(path).catch(unreadable('model'));
  const file = found.isDirectory() ? join(path, modelFile) : path;
  const model = parseModelFile(file, await readFile(file, 'utf8').catch(unreadable('model')));
  const artifacts = await tf.io.getModelArtifactsForJSON(model, async (manifest) => {
    const specs = manifest.flatMap((group) => group.weights);
    const paths = manifest.flatMap((group) => group.paths.map((name) => join(dirname(file), name)));
    await expectBytes(file, paths, weightBytes(specs));
    const parts = await Promise.all(paths.map((name) => readFile(name).catch(unreadable('weights', file))));
    return [specs, tf.io.concatenateArrayBuffers(parts.map((part) => new Uint8Array(part).buffer))];
  });
  await tryModel(file, artifacts, options);
  return artifacts;
}

/** Before anything is read: as many bytes as the manifest says, no more and no fewer. */
async function expectBytes(file: string, paths: string[], expected: number | undefined): Promise<void> {
  let bytes = 0;
  for (const path of paths) {
    const found = await stat(path).catch(unreadable('weights', file));
    if (!found.isFile()) throw new ScmoeError(`${path}: expected a file of weights of ${file}, got none`);
    bytes += found.size;
  }
  if (expected !== undefined && bytes !== expected)
    throw new ScmoeError(
      `${file}: weightsManifest: expected files of ${expected} bytes for its shapes, got ${bytes}: ${paths.join(', ')}`,
    );
}

/**
 * Makes the model once and throws it away. TF.js takes what a handler gives at its word: a malformed layer ends in a
 * TypeError somewhere inside, which names neither file nor field, and which nobody else is there to catch.
 */
async function tryModel(file: string, artifacts: tf.io.ModelArtifacts, options: tf.io.LoadOptions): Promise<void> {
  const isGraph = artifacts.format === 'graph-model' || 'node' in (artifacts.modelTopology as object);
  const handler: tf.io.IOHandler = { load: () => Promise.resolve(artifacts) };
  try {
    const model = isGraph ? await tf.loadGraphModel(handler) : await tf.loadLayersModel(handler, options);
    model.dispose();
  } catch (cause) {
    throw new ScmoeError(
      `${file}: modelTopology: TF.js can't make a model of it: ${String((cause as Error).message)}`,
      {
        cause,
      },
    );
  }
}

/** @param namedBy the file that says that there is one */
function unreadable(what: string, namedBy?: string): (error: NodeJS.ErrnoException) => never {
  return (cause) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `can't be read (${cause.code})`;
    throw new ScmoeError(`${cause.path}: the file of the ${what} ${reason}${namedBy ? `; ${namedBy} names it` : ''}`, {
      cause,
    });
  };
}
