import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { ScmoeError } from '@scmoe/errors';
import { AdamW } from '@scmoe/tensor';
import { temporaryFolder } from '@scmoe/testing';
import * as tf from '@tensorflow/tfjs';

import { findCheckpoint } from './findCheckpoint.js';
import { loadCheckpoint } from './loadCheckpoint.js';
import { restoreOptimizer } from './restoreOptimizer.js';
import { restoreVariables } from './restoreVariables.js';
import { saveCheckpoint } from './saveCheckpoint.js';

type Fields = Record<string, unknown>;

const folder = temporaryFolder();
const files = ['model.safetensors', 'optimizer.safetensors', 'data.json'];
const shapes: Record<string, number[]> = { w: [2, 3], 'block.constructor': [4] };
const tensors = (prefix = '') =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [prefix + name, tf.ones(shape)]));
let whole: string;
let copies = 0;

beforeAll(async () => {
  whole = await saveCheckpoint(join(folder.path, 'whole'), {
    step: 7,
    config: { lr: 0.1, layers: [1, 2] },
    dataFingerprint: 'abc',
    dataDescription: { tokenizer: { kind: 'byte' } },
    validationLoss: 2.5,
    parameters: tensors(),
    optimizer: { name: 'AdamW', stepCount: 7, state: { ...tensors('m.'), ...tensors('v.') } },
  });
});

/** What comes of a run that goes on from a copy of the checkpoint with that change: 'loaded', or the error. */
async function outcomeOf(change: (path: string) => void): Promise<unknown> {
  const path = join(folder.path, String(copies++), 'step-000007');
  cpSync(whole, path, { recursive: true });
  change(path);
  try {
    const checkpoint = await loadCheckpoint(await findCheckpoint(join(path, '..')));
    const variables = Object.fromEntries(
      Object.entries(tensors()).map(([name, tensor]) => [name, tf.variable(tensor)]),
    );
    restoreVariables(variables, checkpoint.parameters);
    restoreOptimizer(new AdamW(), variables, checkpoint);
    return 'loaded';
  } catch (error) {
    return error;
  } finally {
    rmSync(join(path, '..'), { recursive: true });
  }
}

/** An error of ours, which names a file of the checkpoint, its folder or what of it does not fit; not a page of text. */
function expectClear(outcome: unknown, naming: RegExp): void {
  if (!(outcome instanceof ScmoeError))
    throw new Error(`expected an error of ours, got ${String(outcome)}`, { cause: outcome });
  expect(outcome.message).toMatch(naming);
  expect(outcome.message.length).toBeLessThan(700);
}

const indexOf = (path: string) => JSON.parse(readFileSync(join(path, 'checkpoint.json'), 'utf8')) as Fields;

/** Writes an index whose own checksum is right, as one writes it who wants to be believed. */
function seal(path: string, { checksum: _, ...index }: Fields): void {
  const checksum = createHash('sha256').update(JSON.stringify(index)).digest('hex');
  writeFileSync(join(path, 'checkpoint.json'), JSON.stringify({ ...index, checksum }));
}

/** Writes a file, with an index that says that it is right. */
function forge(path: string, name: string, bytes: Uint8Array): void {
  writeFileSync(join(path, name), bytes);
  const index = indexOf(path);
  const entry = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  seal(path, { ...index, files: { ...(index['files'] as Fields), [name]: entry } });
}

const damages: Record<string, (bytes: Buffer, path: string) => Buffer> = {
  'cut short': (bytes) => bytes.subarray(0, bytes.length >> 1),
  empty: () => Buffer.alloc(0),
  'all zeros': (bytes) => Buffer.alloc(bytes.length),
  'longer by a byte': (bytes) => Buffer.concat([bytes, Buffer.of(1)]),
  'a text': () => Buffer.from('no such thing'),
  'a foreign object': () => Buffer.from('{"__proto__": {"x": 1}, "constructor": null, "hidden_size": 8}'),
  'a list': () => Buffer.from('[1, 2]'),
  null: () => Buffer.from('null'),
  'deeply nested': () => Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)),
  'no text in UTF-8': () => Buffer.from([0xff, 0xfe, 0x00]),
  'a header of 2^63 bytes': (bytes) => Buffer.concat([Buffer.from('ffffffffffffff7f', 'hex'), bytes.subarray(8)]),
};

describe.each([...files, 'checkpoint.json'])('a checkpoint whose %s', (name) => {
  it.each(Object.keys(damages))('is %s is refused', async (damage) => {
    const outcome = await outcomeOf((path) => {
      writeFileSync(join(path, name), damages[damage]!(readFileSync(join(path, name)), path));
    });
    expectClear(outcome, new RegExp(name));
  });

  it.each(files)('is %s is refused', async (other) => {
    if (other === name) return;
    expectClear(await outcomeOf((path) => cpSync(join(path, other), join(path, name))), new RegExp(name));
  });

  it('is deleted, or a folder, is refused', async () => {
    expectClear(await outcomeOf((path) => rmSync(join(path, name))), new RegExp(name));
    const asFolder = await outcomeOf((path) => {
      rmSync(join(path, name));
      mkdirSync(join(path, name));
    });
    expectClear(asFolder, new RegExp(name));
  });
});

describe.each(files)('a forged checkpoint whose %s', (name) => {
  const isJson = name.endsWith('.json');
  // What the program makes of the description of its data is the program's to look at.
  const harmless = isJson ? ['a foreign object'] : [];
  it.each(Object.keys(damages).filter((damage) => !harmless.includes(damage)))('is %s is refused', async (damage) => {
    const outcome = await outcomeOf((path) =>
      forge(path, name, damages[damage]!(readFileSync(join(path, name)), path)),
    );
    expectClear(outcome, new RegExp(name));
  });
});

describe('a forged index', () => {
  const values: [string, unknown][] = [
    ['gone', undefined],
    ['null', null],
    ['a negative number', -1],
    ['a fraction', 0.5],
    ['huge', 1e308],
    ['beyond whole numbers', 2 ** 60],
    ['true', true],
    ['a text', 'constructor'],
    ['empty text', ''],
    ['a list', [1]],
    ['an object', { constructor: 1 }],
  ];
  const texts = ['a text', 'empty text'];
  /** What of these a field may be; all else is refused. */
  const fields: Record<string, string[]> = {
    format: [],
    version: [],
    step: [],
    created: texts,
    versions: ['an object'],
    config: ['an object'],
    dataFingerprint: texts,
    validationLoss: ['gone', 'a negative number', 'a fraction', 'huge', 'beyond whole numbers'],
    optimizer: [],
    'optimizer/name': [],
    'optimizer/stepCount': [],
    files: [],
    ...Object.fromEntries(
      files.flatMap((file) => ['', '/bytes', '/sha256'].map((part) => [`files/${file}${part}`, []])),
    ),
  };
  const cases = Object.keys(fields).flatMap((field) => values.map(([what, value]) => ({ field, what, value })));

  it.each(cases)('whose $field is $what is looked at', async ({ field, what, value }) => {
    const parts = field.split('/');
    const outcome = await outcomeOf((path) => {
      const index = indexOf(path);
      const parent = parts.slice(0, -1).reduce((object, part) => object[part] as Fields, index);
      if (value === undefined) delete parent[parts.at(-1)!];
      else parent[parts.at(-1)!] = value;
      seal(path, index);
    });
    if (fields[field]!.includes(what)) expect(outcome).toBe('loaded');
    else expectClear(outcome, /checkpoint\.json|damaged: |of another optimizer/);
  });

  it.each(['../../outside', '/etc/hostname', '__proto__', 'more.bin'])(
    'that names the file %s is refused',
    async (name) => {
      const outcome = await outcomeOf((path) => {
        const index = indexOf(path);
        const entries = Object.entries({ ...(index['files'] as Fields) });
        const text = JSON.stringify([...entries, [name, { bytes: 1, sha256: '0'.repeat(64) }]].map(([key]) => key));
        expect(text).toContain(name);
        seal(path, { ...index, files: Object.fromEntries([...entries, [name, { bytes: 1, sha256: '0'.repeat(64) }]]) });
      });
      expectClear(outcome, /checkpoint\.json is no index of a checkpoint: files: expected/);
    },
  );

  it('that is nested deeper than a stack is refused', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    const outcome = await outcomeOf((path) => {
      const text = readFileSync(join(path, 'checkpoint.json'), 'utf8');
      writeFileSync(join(path, 'checkpoint.json'), text.replace('[\n      1,\n      2\n    ]', deep));
    });
    expectClear(outcome, /checkpoint\.json/);
  });
});

describe.each(['model.safetensors', 'optimizer.safetensors'])('forged tensors in %s', (name) => {
  /** The file with another header, and so many bytes of data. */
  function withHeader(bytes: Buffer, change: (header: Record<string, Fields>) => void): Buffer {
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, Fields>;
    change(header);
    const text = Buffer.from(JSON.stringify(header));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(text.length));
    return Buffer.concat([size, text, bytes.subarray(8 + length)]);
  }
  const first = (header: Record<string, Fields>) => Object.keys(header).find((key) => key !== '__metadata__')!;
  const rename = (to: string) => (header: Record<string, Fields>) => {
    const key = first(header);
    Object.defineProperty(header, to, { value: header[key], enumerable: true, configurable: true, writable: true });
    delete header[key];
  };
  const changes: [string, (header: Record<string, Fields>) => void][] = [
    ['a huge shape', (header) => (header[first(header)]!['shape'] = [2 ** 40, 2 ** 10])],
    ['a shape whose product overflows', (header) => (header[first(header)]!['shape'] = [2 ** 52, 2 ** 52, 0])],
    ['a negative shape', (header) => (header[first(header)]!['shape'] = [-2, -3])],
    ['a shape that is null', (header) => (header[first(header)]!['shape'] = null)],
    ['another shape of the same size', (header) => void (header[first(header)]!['shape'] as number[]).unshift(1)],
    ['another type', (header) => (header[first(header)]!['dtype'] = 'I32')],
    ['an unknown type', (header) => (header[first(header)]!['dtype'] = 'constructor')],
    ['offsets beyond the end', (header) => (header[first(header)]!['data_offsets'] = [0, 2 ** 50])],
    ['offsets that go back', (header) => (header[first(header)]!['data_offsets'] = [24, 0])],
    ['a tensor that is called constructor', rename('constructor')],
    ['a tensor that is called __proto__', rename('__proto__')],
    ['a tensor that is called m.constructor', rename('m.constructor')],
    ['a tensor that is called hasOwnProperty', rename('hasOwnProperty')],
    ['one tensor less', (header) => void delete header[first(header)]],
    ['entries that are null', (header) => (header[first(header)] = null as unknown as Fields)],
    ['metadata that are numbers', (header) => (header['__metadata__'] = { step: 1 })],
  ];

  it.each(changes)('are refused: %s', async (_, change) => {
    const outcome = await outcomeOf((path) => forge(path, name, withHeader(readFileSync(join(path, name)), change)));
    expectClear(outcome, new RegExp(`${name}|of another model|optimizer does not fit`));
  });
});

it('the checkpoint itself loads, and so does one that is sealed again', async () => {
  expect(await outcomeOf(() => undefined)).toBe('loaded');
  expect(await outcomeOf((path) => seal(path, indexOf(path)))).toBe('loaded');
});
