import { dataTypes, type DataType } from './dataTypes.js';

/**
 * The value of an attribute of an operation: a boolean, a text, or what the functions of `attribute` make, where a number
 * alone would not say of which type it is.
 */
export type Attribute = boolean | string | EncodedAttribute;

/** Attributes by name. Those that follow from the inputs (T, N, ...) and those with a default may be left out. */
export type Attributes = Readonly<Record<string, Attribute>>;

/** A value as TensorFlow reads it: a serialized AttrValue (attr_value.proto). Equal values are equal bytes. */
export class EncodedAttribute {
  constructor(readonly bytes: Uint8Array) {}
}

/** Fields of AttrValue, and of its ListValue, by number. */
const field = { list: 1, text: 2, int: 3, float: 4, bool: 5, type: 6, shape: 7, function: 10 } as const;

/** The values of attributes whose type JavaScript's does not tell. */
export const attribute = {
  /** A whole number. */
  int: (value: number) => encoded([...tag(field.int, 0), ...varint(value)]),
  /** A number in float32. */
  float: (value: number) => encoded([...tag(field.float, 5), ...float32(value)]),
  /** A type of elements. */
  type: (value: DataType) => encoded([...tag(field.type, 0), ...varint(dataTypes[value])]),
  /** A shape; -1 for a size that is not known. */
  shape: (value: readonly number[]) => encoded(part(field.shape, shapeOf(value))),
  /** Whole numbers. */
  ints: (values: readonly number[]) => list(part(field.int, values.flatMap(varint))),
  /** Numbers in float32. */
  floats: (values: readonly number[]) => list(part(field.float, values.flatMap(float32))),
  /** Types of elements. */
  types: (values: readonly DataType[]) =>
    list(
      part(
        field.type,
        values.flatMap((value) => varint(dataTypes[value])),
      ),
    ),
  /** Shapes. */
  shapes: (values: readonly (readonly number[])[]) =>
    list(values.flatMap((value) => part(field.shape, shapeOf(value)))),
  /** Texts. */
  texts: (values: readonly string[]) => list(values.flatMap((value) => part(field.text, [...utf8.encode(value)]))),
} as const;

const utf8 = new TextEncoder();

/** The bytes of any attribute. */
export function attributeBytes(value: Attribute): Uint8Array {
  if (value instanceof EncodedAttribute) return value.bytes;
  if (typeof value === 'boolean') return value ? yes : no;
  return Uint8Array.from(part(field.text, [...utf8.encode(value)]));
}

const yes = Uint8Array.of(...tag(field.bool, 0), 1);
const no = Uint8Array.of(...tag(field.bool, 0), 0);

function encoded(bytes: readonly number[]): EncodedAttribute {
  return new EncodedAttribute(Uint8Array.from(bytes));
}

function list(values: readonly number[]): EncodedAttribute {
  return encoded(part(field.list, values));
}

/** TensorShapeProto: a message for each size, which is a message with the size in its field 1. */
function shapeOf(sizes: readonly number[]): number[] {
  return sizes.flatMap((size) => part(2, [...tag(1, 0), ...varint(size)]));
}

/** A field that has a length: a message, a text, or packed numbers. */
function part(number: number, content: readonly number[]): number[] {
  return [...tag(number, 2), ...varint(content.length), ...content];
}

function tag(number: number, wireType: number): number[] {
  return [(number << 3) | wireType];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

function float32(value: number): number[] {
  return [...new Uint8Array(Float32Array.of(value).buffer)];
}
