import { ScmoeError, valueText } from '@scmoe/errors';
import type * as tf from '@tensorflow/tfjs';

type Group = tf.io.WeightsManifestConfig[number];

/** Bytes of an element in a file, by the dtypes of a manifest and of its quantization. */
const bytesOf = { float32: 4, int32: 4, bool: 1, complex64: 8 } as const;
const quantizedBytesOf = { uint8: 1, uint16: 2, float16: 2 } as const;

/** No file of weights is longer: what is beyond is a mistake, or meant to be one. */
const mostBytes = 2 ** 40;

/**
 * Parses and checks the JSON of a model in TF.js's format, as far as reading its weights needs it: files that stay in the
 * folder, names, dtypes and shapes of all weights. What is in `modelTopology` TF.js looks at.
 *
 * @param file path, with which messages begin
 * @throws ScmoeError naming file and field
 */
export function parseModelFile(file: string, text: string): tf.io.ModelJSON {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    throw new ScmoeError(`${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const expect = expectIn(file);
  expect(isRecord(json), 'the model', 'an object', json);
  const { modelTopology, weightsManifest = null, ...rest } = json as Record<string, unknown>;
  expect(isRecord(modelTopology), 'modelTopology', 'an object', modelTopology);
  for (const name of ['trainingConfig', 'userDefinedMetadata', 'signature', 'modelInitializer', 'initializerSignature'])
    expect((rest[name] ?? null) === null || isRecord(rest[name]), name, 'an object', rest[name]);
  if (weightsManifest !== null) {
    checkManifest(expect, weightsManifest);
    checkWidths(expect, modelTopology as object, weightsManifest as tf.io.WeightsManifestConfig);
  }
  return json as tf.io.ModelJSON;
}

/** The bytes that a file of weights should have in all, or undefined where texts among the weights leave that open. */
export function weightBytes(specs: readonly tf.io.WeightsManifestEntry[]): number | undefined {
  let bytes = 0;
  for (const { shape, dtype, quantization } of specs) {
    if (dtype === 'string') return undefined;
    const each = quantization ? quantizedBytesOf[quantization.dtype] : bytesOf[dtype];
    bytes += shape.reduce((size, d) => size * d, each);
  }
  return bytes;
}

type Expect = (holds: boolean, field: string, expected: string, got: unknown) => void;

function expectIn(file: string): Expect {
  return (holds, field, expected, got) => {
    if (!holds) throw new ScmoeError(`${file}: ${field}: expected ${expected}, got ${valueText(got)}`);
  };
}

function checkManifest(expect: Expect, manifest: unknown): void {
  expect(Array.isArray(manifest), 'weightsManifest', 'an array', manifest);
  const names = new Set<string>();
  for (const [i, group] of (manifest as unknown[]).entries()) {
    const field = `weightsManifest[${i}]`;
    expect(isRecord(group), field, 'an object', group);
    const { paths, weights } = group as Group;
    expect(Array.isArray(paths), `${field}.paths`, 'an array', paths);
    for (const [j, path] of paths.entries())
      expect(staysInFolder(path), `${field}.paths[${j}]`, 'the name of a file in the folder of the model', path);
    expect(Array.isArray(weights), `${field}.weights`, 'an array', weights);
    for (const [j, weight] of weights.entries()) {
      checkWeight(expect, `${field}.weights[${j}]`, weight);
      expect(!names.has(weight.name), `${field}.weights[${j}].name`, 'another name than those before', weight.name);
      names.add(weight.name);
    }
  }
}

/** What a layer calls a side of its weights: TF.js allocates those before it compares them with the manifest. */
const widths = ['units', 'filters', 'input_dim', 'output_dim'];

function checkWidths(expect: Expect, topology: object, manifest: tf.io.WeightsManifestConfig): void {
  const all = manifest
    .flatMap(({ weights }) => weights)
    .reduce((sum, { shape }) => sum + shape.reduce((size, d) => size * d, 1), 0);
  const left: [string, object][] = [['modelTopology', topology]];
  for (let next = left.pop(); next; next = left.pop()) {
    const [field, inside] = next;
    for (const [name, value] of Object.entries(inside) as [string, unknown][]) {
      const own = `${field}.${name}`;
      if (typeof value === 'object' && value !== null) left.push([own, value]);
      const isWide = widths.includes(name) && typeof value === 'number' && value > all;
      expect(!isWide, own, `at most the ${all} elements of all weights`, value);
    }
  }
}

function checkWeight(expect: Expect, field: string, weight: tf.io.WeightsManifestEntry): void {
  expect(isRecord(weight), field, 'an object', weight);
  const { name, shape, dtype, quantization } = weight;
  // TF.js puts weights into a plain object under their names.
  expect(typeof name === 'string' && name !== '__proto__', `${field}.name`, 'a name', name);
  expect(Array.isArray(shape) && shape.every(isSize), `${field}.shape`, 'an array of sizes', shape);
  expect(
    Object.hasOwn(bytesOf, dtype) || dtype === 'string',
    `${field}.dtype`,
    `one of ${names(bytesOf)}, string`,
    dtype,
  );
  const bytes = shape.reduce((size, d) => size * d, 8);
  expect(bytes <= mostBytes, `${field}.shape`, 'a tensor that fits into memory', shape);
  if (quantization === undefined) return;
  expect(isRecord(quantization), `${field}.quantization`, 'an object', quantization);
  const { dtype: stored, scale, min } = quantization;
  expect(
    Object.hasOwn(quantizedBytesOf, stored),
    `${field}.quantization.dtype`,
    `one of ${names(quantizedBytesOf)}`,
    stored,
  );
  if (stored === 'float16') return;
  expect(Number.isFinite(scale), `${field}.quantization.scale`, 'a number', scale);
  expect(Number.isFinite(min), `${field}.quantization.min`, 'a number', min);
}

/** Whether a path leads down from the folder of the model, by its text: links are followed. */
function staysInFolder(path: unknown): boolean {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) return false;
  return !/^([/\\]|[a-z]:)/i.test(path) && !path.split(/[/\\]/).includes('..');
}

function isSize(size: unknown): boolean {
  return Number.isSafeInteger(size) && (size as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function names(table: object): string {
  return Object.keys(table).join(', ');
}
