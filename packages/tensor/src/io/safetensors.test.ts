import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import * as tf from '@tensorflow/tfjs';

import {
  openSafetensors,
  RandomStream,
  readSafetensors,
  SafetensorsError,
  toFloat32,
  toTensor,
  useBackend,
  writeSafetensors,
} from '../index.js';
import { parseSafetensorsHeader } from './safetensorsHeader.js';

let folder: string;
const path = () => join(folder, 'file.safetensors');

beforeAll(() => useBackend('auto', { threads: 1 }));
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'safetensors-'))));
afterEach(() => rm(folder, { recursive: true }));

/** A file with this header text and so many bytes of data. */
async function fileOf(header: string | object, dataBytes = 0): Promise<void> {
  const json = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await writeFile(path(), Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
}

describe('a safetensors file', () => {
  it('gives back tensors and metadata as they were written', async () => {
    const tensors = {
      weights: tf.tensor2d([1.5, -2, 3e-40, Infinity, NaN, -0], [2, 3]),
      'a "quoted" näme': tf.tensor1d([1, -(2 ** 31)], 'int32'),
      scalar: tf.scalar(7),
      empty: tf.zeros([0, 4]),
      mask: tf.tensor1d([true, false, true], 'bool'),
    };
    await writeSafetensors(path(), tensors, { metadata: { config: '{"a": "\\n"}' } });
    const read = await readSafetensors(path());
    expect(read.metadata).toEqual({ config: '{"a": "\\n"}' });
    expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(tensors).sort());
    for (const [name, tensor] of Object.entries(tensors)) {
      const back = toTensor(read.tensors[name]!);
      expect([back.dtype, back.shape]).toEqual([tensor.dtype, tensor.shape]);
      expect(back.dataSync()).toEqual(tensor.dataSync());
    }
  });

  it('keeps host data of every element type bit for bit', async () => {
    const data = {
      f64: { dtype: 'F64', shape: [2], data: Float64Array.of(Math.PI, -1) },
      f16: { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0x7c01, 1) },
      bf16: { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x4049) },
      i64: { dtype: 'I64', shape: [1, 2], data: BigInt64Array.of(2n ** 62n, -1n) },
      i32: { dtype: 'I32', shape: [], data: Int32Array.of(-5) },
      i8: { dtype: 'I8', shape: [3], data: Int8Array.of(-1, 0, 1) },
      u8: { dtype: 'U8', shape: [1], data: Uint8Array.of(255) },
    } as const;
    const mutable = Object.fromEntries(
      Object.entries(data).map(([name, entry]) => [name, { ...entry, shape: [...entry.shape] }]),
    );
    await writeSafetensors(path(), mutable);
    expect((await readSafetensors(path())).tensors).toEqual(mutable);
  });

  it('rounds float32 numbers that are stored as BF16', async () => {
    await writeSafetensors(path(), { x: { dtype: 'BF16', shape: [2], data: Float32Array.of(1 + 2 ** -10, Math.PI) } });
    const { x } = (await readSafetensors(path())).tensors;
    expect(Array.from(toFloat32(x!))).toEqual([1, 3.140625]);
  });

  it('turns integers into int32 tensors where they fit, and refuses where not', () => {
    expect(Array.from(toTensor({ dtype: 'I64', shape: [2], data: BigInt64Array.of(3n, -4n) }).dataSync())).toEqual([
      3, -4,
    ]);
    const large = { dtype: 'I64', shape: [1], data: BigInt64Array.of(2n ** 31n) } as const;
    expect(() => toTensor({ ...large, shape: [1] })).toThrow(
      'data: expected integers that fit into int32, got 2147483648',
    );
    expect(() => toFloat32({ ...large, shape: [1] })).toThrow('dtype: expected one of floating-point numbers, got I64');
  });

  it('aligns each tensor to its element size, whatever the order', async () => {
    const byte = { dtype: 'U8' as const, shape: [1], data: Uint8Array.of(1) };
    await writeSafetensors(path(), {
      byte,
      x: tf.ones([3]),
      wide: { dtype: 'I64', shape: [1], data: BigInt64Array.of(1n) },
    });
    const file = await readFile(path());
    const headerBytes = Number(file.readBigUInt64LE());
    const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes)) as Record<string, { data_offsets: number[] }>;
    expect(headerBytes % 8).toBe(0);
    expect(header).toMatchObject({
      wide: { data_offsets: [0, 8] },
      x: { data_offsets: [8, 20] },
      byte: { data_offsets: [20, 21] },
    });
  });

  it('is described by the size and checksum that writing returns, which reading verifies', async () => {
    const { bytes, sha256 } = await writeSafetensors(path(), { x: tf.ones([1000]) });
    const file = await readFile(path());
    expect(bytes).toBe(file.length);
    expect(sha256).toBe(createHash('sha256').update(file).digest('hex'));
    await readSafetensors(path(), { sha256 });

    file[file.length - 1]! ^= 1;
    await writeFile(path(), file);
    await expect(readSafetensors(path(), { sha256 })).rejects.toThrow(new RegExp(`sha256 is .*, expected ${sha256}`));
  });

  it('stays as it was when writing its successor fails, and nothing half-written is left', async () => {
    await writeSafetensors(path(), { x: tf.ones([2]) });
    const gone = tf.ones([2]);
    gone.dispose();
    await expect(writeSafetensors(path(), { y: tf.ones([3]), gone })).rejects.toThrow(/disposed/);
    expect(await readdir(folder)).toEqual(['file.safetensors']);
    expect(Object.keys((await readSafetensors(path())).tensors)).toEqual(['x']);
  });

  it('can be read one tensor at a time, and written from data made when its turn comes', async () => {
    const made: string[] = [];
    const deferred = (name: string, values: number[]) => ({
      dtype: 'F32' as const,
      shape: [values.length],
      data: () => {
        made.push(name);
        return Promise.resolve(Float32Array.from(values));
      },
    });
    await writeSafetensors(path(), { a: deferred('a', [1, 2]), b: deferred('b', [3]) });
    expect(made).toEqual(['a', 'b']);
    const file = await openSafetensors(path());
    expect(file.entries.map(({ name, shape }) => [name, shape])).toEqual([
      ['a', [2]],
      ['b', [1]],
    ]);
    expect((await file.read('b')).data).toEqual(Float32Array.of(3));
    expect((await file.read('a')).data).toEqual(Float32Array.of(1, 2));
    expect(await file.read('a', { begin: 1, count: 1 })).toEqual({
      dtype: 'F32',
      shape: [1],
      data: Float32Array.of(2),
    });
    await expect(file.read('a', { begin: 1, count: 2 })).rejects.toThrow("'a' has 2 elements, none from 1 to 2");
    await expect(file.read('c')).rejects.toThrow(`${path()}: there is no tensor 'c'`);
    await file.close();

    const short = { a: { ...deferred('a', [1, 2]), shape: [3] } };
    await expect(writeSafetensors(path(), short)).rejects.toThrow("'a': expected 3 elements for shape [3], got 2");
  });

  it('can have a tensor named like a property of every object', async () => {
    await writeSafetensors(
      path(),
      Object.fromEntries([
        ['__proto__', tf.ones([1])],
        ['constructor', tf.ones([1])],
      ]),
    );
    expect(Object.keys((await readSafetensors(path())).tensors).sort()).toEqual(['__proto__', 'constructor']);
  });

  it('may have null for its metadata, tensors without axes, and tensors without elements', async () => {
    await fileOf(
      {
        __metadata__: null,
        scalar: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
        none: { dtype: 'F32', shape: [0, 3], data_offsets: [4, 4] },
      },
      4,
    );
    const { tensors, metadata } = await readSafetensors(path());
    expect(metadata).toEqual({});
    expect(tensors['scalar']).toMatchObject({ shape: [], data: Float32Array.of(0) });
    expect(tensors['none']).toMatchObject({ shape: [0, 3], data: new Float32Array(0) });
    await fileOf({ __metadata__: null });
    expect((await readSafetensors(path())).tensors).toEqual({});
  });

  it('holds what other programs wrote (order of the data differs from the order of the names)', async () => {
    await fileOf(
      { b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] }, a: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } },
      8,
    );
    expect(Object.keys((await readSafetensors(path())).tensors)).toEqual(['a', 'b']);
  });
});

describe('writing refuses', () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['string tensors', { x: tf.tensor(['a']) }, /'x': expected a dtype that safetensors knows, got string/],
    [
      'data of another type',
      { x: { dtype: 'F32', shape: [1], data: Int32Array.of(1) } },
      /expected a Float32Array for dtype F32, got Int32Array/,
    ],
    [
      'data of another length',
      { x: { dtype: 'I32', shape: [2, 2], data: Int32Array.of(1) } },
      /expected 4 elements for shape \[2, 2\], got 1/,
    ],
    [
      'unknown types',
      { x: { dtype: 'F8', shape: [1], data: Uint8Array.of(1) } },
      /the dtype of 'x': expected one of .*, got "F8"/,
    ],
    ['the reserved name', { __metadata__: tf.ones([1]) }, /expected any name but '__metadata__'/],
  ];
  it.each(cases)('%s', async (_, tensors, message) => {
    await expect(writeSafetensors(path(), tensors as Record<string, tf.Tensor>)).rejects.toThrow(message);
    expect(await readdir(folder)).toEqual([]);
  });

  it('metadata that is no string, and a folder that does not exist', async () => {
    const metadata = { step: 3 as unknown as string };
    await expect(writeSafetensors(path(), {}, { metadata })).rejects.toThrow("metadata 'step': expected a text, got 3");
    await expect(writeSafetensors(join(folder, 'no', 'file'), {})).rejects.toThrow(/ENOENT/);
  });
});

describe('reading explains what is wrong with', () => {
  const f32 = (shape: unknown, offsets: unknown) => ({ dtype: 'F32', shape, data_offsets: offsets });
  const cases: [string, string | object, number, RegExp][] = [
    ['a header that is no JSON', '{"x": ', 0, /not valid JSON/],
    ['a header that is no object', '[1]', 0, /not a JSON object/],
    ['a header without end', '['.repeat(1e6), 0, /nested more than 128 deep/],
    ['a deep shape', `{"x": {"dtype": "F32", "shape": ${'['.repeat(1e5)}${']'.repeat(1e5)}}}`, 0, /nested more than/],
    ['fp8 without its scales', { x: { dtype: 'F4', shape: [1], data_offsets: [0, 1] } }, 1, /unknown dtype "F4"/],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), 0, /not valid UTF-8/],
    ['an entry that is no object', { x: 3 }, 0, /entry of 'x' is not an object/],
    ['an unknown dtype', { x: { dtype: 'F4', shape: [1], data_offsets: [0, 1] } }, 1, /'x' has the unknown dtype "F4"/],
    ['a dtype from the prototype', { x: { dtype: 'toString', shape: [1], data_offsets: [0, 1] } }, 1, /unknown dtype/],
    ['a negative size', { x: f32([-1], [0, 4]) }, 4, /invalid shape \[-1\]/],
    ['a fractional size', { x: f32([0.5], [0, 2]) }, 2, /invalid shape/],
    ['a shape that is no array', { x: f32('4', [0, 4]) }, 4, /invalid shape/],
    ['offsets that run backwards', { x: f32([1], [4, 0]) }, 4, /invalid data_offsets \[4,0\]/],
    ['offsets that are missing', { x: { dtype: 'F32', shape: [1] } }, 4, /invalid data_offsets/],
    [
      'sizes that do not fit the shape',
      { x: f32([3], [0, 8]) },
      8,
      /shape \[3\] and dtype F32 needs 12 bytes, but its data_offsets hold 8/,
    ],
    ['shapes beyond all numbers', { x: f32([2 ** 52, 2 ** 52, 2 ** 52], [0, 8]) }, 8, /needs .* bytes/],
    ['overlapping tensors', { x: f32([2], [0, 8]), y: f32([2], [4, 12]) }, 12, /'y' overlaps/],
    ['a gap between tensors', { x: f32([1], [0, 4]), y: f32([1], [8, 12]) }, 12, /'y' leaves a gap/],
    ['data that is cut off', { x: f32([2], [0, 8]) }, 7, /need 8 bytes of data, but the file holds 7/],
    ['data that is left over', { x: f32([2], [0, 8]) }, 9, /need 8 bytes of data, but the file holds 9/],
    [
      'a name that occurs twice',
      '{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\\u0078":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}',
      0,
      /name 'x' occurs twice/,
    ],
    ['metadata that is no strings', { __metadata__: { a: 1 } }, 0, /__metadata__ must be an object of strings/],
  ];
  it.each(cases)('%s', async (_, header, dataBytes, message) => {
    await fileOf(header, dataBytes);
    const error = await readSafetensors(path()).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SafetensorsError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(path());
  });

  it('an empty file, a short one, and one that asks for a huge header', async () => {
    await writeFile(path(), '');
    await expect(readSafetensors(path())).rejects.toThrow(/has 0 bytes/);
    await writeFile(path(), Buffer.from([255, 255, 255, 255, 255, 255, 255, 255, 123, 125]));
    await expect(readSafetensors(path())).rejects.toThrow(/header would be 18446744073709551615 bytes long/);
    await expect(readSafetensors(join(folder, 'none'))).rejects.toThrow(/ENOENT/);
  });

  const valid = async () => {
    const tensors = { x: tf.ones([2, 3]), y: tf.ones([4], 'int32'), z: tf.zeros([0]) };
    await writeSafetensors(path(), tensors, { metadata: { k: 'v' } });
    return readFile(path());
  };

  it('any header with random damage: it is parsed or refused, never anything else', async () => {
    const file = await valid();
    const dataBytes = 6 * 4 + 4 * 4;
    const good = file.subarray(8, file.length - dataBytes);
    const random = new RandomStream({ seed: 1 });
    // Digits and brackets find more than random bytes do.
    const telling = Buffer.from('0123456789[]{}",:-e. ');
    let refused = 0;
    for (let i = 0; i < 5000; i++) {
      const bad = Buffer.from(good);
      for (let n = random.int(3); n >= 0; n--) {
        bad[random.int(bad.length)] = i % 2 ? random.int(256) : telling[random.int(telling.length)]!;
      }
      try {
        parseSafetensorsHeader(bad, dataBytes);
      } catch (error) {
        if (!(error instanceof SafetensorsError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(3000);
  });

  it('a file that is cut off anywhere', async () => {
    const file = await valid();
    for (let length = 0; length < file.length; length += 7) {
      await writeFile(path(), file.subarray(0, length));
      await expect(readSafetensors(path())).rejects.toBeInstanceOf(SafetensorsError);
    }
  });
});
