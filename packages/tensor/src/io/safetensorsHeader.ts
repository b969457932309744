import { ScmoeError } from '@scmoe/errors';

/** A file that is no valid safetensors file, or not the one that was expected. The message begins with its path. */
export class SafetensorsError extends ScmoeError {
  override readonly name = 'SafetensorsError';
}

/** Element types of the format and the arrays that hold them; floats of 16 and 8 bits are kept as their bits. */
export const arrayTypes = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  F8_E4M3: Uint8Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U64: BigUint64Array,
  U32: Uint32Array,
  U16: Uint16Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

/** Element types of the safetensors format, under its own names. */
export type SafetensorsDtype = keyof typeof arrayTypes;
/** The arrays that hold them on the host; F16 and BF16 as their bits in a Uint16Array, F8_E4M3 in a Uint8Array. */
export type SafetensorsArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/** Where one tensor lies: `begin` and `end` in bytes from the end of the header. */
export interface SafetensorsEntry {
  name: string;
  dtype: SafetensorsDtype;
  shape: number[];
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  /** Entries in the order in which they lie in the file, without gaps or overlaps. */
  entries: SafetensorsEntry[];
  metadata: Record<string, string>;
}

/** The reference implementation's limit, against files that ask for gigabytes of header. */
export const maxHeaderBytes = 100_000_000;

/**
 * Parses and checks a header: valid JSON without duplicate names, known types, sizes that fit the shapes, and data that
 * covers the rest of the file exactly.
 *
 * @param header the JSON, without the eight bytes of its length.
 * @param dataBytes bytes that follow it in the file.
 * @throws SafetensorsError saying what is wrong with which tensor.
 */
export function parseSafetensorsHeader(header: Uint8Array, dataBytes: number): SafetensorsHeader {
  const text = decode(header);
  const json = parseJson(text);
  if (!isRecord(json)) throw new SafetensorsError('the header is not a JSON object');
  checkDuplicates(text);

  const { __metadata__: given, ...tensors } = json;
  // The reference reads null as none, and published files have it.
  const metadata = given ?? {};
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new SafetensorsError('__metadata__ must be an object of strings');
  }
  const entries = Object.entries(tensors).map(([name, value]) => parseEntry(name, value));
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(entries, dataBytes);
  return { entries, metadata: metadata as Record<string, string> };
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function parseEntry(name: string, value: unknown): SafetensorsEntry {
  if (!isRecord(value)) throw new SafetensorsError(`the entry of '${name}' is not an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== 'string' || !Object.hasOwn(arrayTypes, dtype)) {
    throw new SafetensorsError(
      `'${name}' has the unknown dtype ${JSON.stringify(dtype)}; expected one of ${Object.keys(arrayTypes).join(', ')}`,
    );
  }
  if (!isArrayOfSizes(shape)) {
    throw new SafetensorsError(`'${name}' has the invalid shape ${JSON.stringify(shape)}`);
  }
  if (!isArrayOfSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw new SafetensorsError(`'${name}' has the invalid data_offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = elementCount(shape) * arrayTypes[dtype as SafetensorsDtype].BYTES_PER_ELEMENT;
  if (end - begin !== expected) {
    throw new SafetensorsError(
      `'${name}' of shape [${shape.join(', ')}] and dtype ${dtype} needs ${expected} bytes, but its data_offsets hold ${end - begin}`,
    );
  }
  return { name, dtype: dtype as SafetensorsDtype, shape, begin, end };
}

function checkLayout(entries: SafetensorsEntry[], dataBytes: number): void {
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      const how = begin < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new SafetensorsError(`the data of '${name}' ${how}: it begins at ${begin}, expected ${position}`);
    }
    position = end;
  }
  if (position !== dataBytes) {
    throw new SafetensorsError(`the tensors need ${position} bytes of data, but the file holds ${dataBytes}`);
  }
}

function decode(header: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(header);
  } catch (cause) {
    throw new SafetensorsError('the header is not valid UTF-8', { cause });
  }
}

/** The reference implementation's limit; a header has no use for more than four. */
const maxDepth = 128;

function parseJson(text: string): unknown {
  // Before it is parsed: what quotes a value in an error would run out of stack.
  let depth = 0;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
    if (depth > maxDepth) throw new SafetensorsError(`the header is nested more than ${maxDepth} deep`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SafetensorsError(`the header is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

/** JSON.parse keeps the last of two equal names without a word, so the text itself, known to be valid, is searched. */
function checkDuplicates(text: string): void {
  const names = new Set<string>();
  let depth = 0;
  let previous = '';
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g)) {
    if (depth === 1 && token.startsWith('"') && (previous === '{' || previous === ',')) {
      const name = JSON.parse(token) as string;
      if (names.has(name)) throw new SafetensorsError(`the name '${name}' occurs twice`);
      names.add(name);
    }
    if (token === '{' || token === '[') depth++;
    if (token === '}' || token === ']') depth--;
    previous = token;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isArrayOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
