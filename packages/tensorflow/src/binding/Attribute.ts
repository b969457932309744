import { dataTypes, type DataType, type TensorData } from './dataTypes.js';
import { fieldOfBytes, float32, floatField, messageField, textField, varint, wholeNumberField } from './protobuf.js';

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
const field = { list: 1, text: 2, int: 3, float: 4, bool: 5, type: 6, shape: 7, tensor: 8 } as const;

/** The values of attributes whose type JavaScript's does not tell. */
export const attribute = {
  /** A whole number. */
  int: (value: number) => encoded(wholeNumberField(field.int, value)),
  /** A number in float32. */
  float: (value: number) => encoded(floatField(field.float, value)),
  /** A type of elements. */
  type: (value: DataType) => types[value],
  /** A shape; -1 for a size that is not known. */
  shape: (value: readonly number[]) => encoded(messageField(field.shape, shapeOf(value))),
  /** Whole numbers. */
  ints: (values: readonly number[]) => list(messageField(field.int, values.flatMap(varint))),
  /** Numbers in float32. */
  floats: (values: readonly number[]) => list(messageField(field.float, values.flatMap(float32))),
  /** Types of elements. */
  types: (values: readonly DataType[]) =>
    list(
      messageField(
        field.type,
        values.flatMap((name) => varint(dataTypes[name])),
      ),
    ),
  /** Shapes. */
  shapes: (values: readonly (readonly number[])[]) =>
    list(values.flatMap((value) => messageField(field.shape, shapeOf(value)))),
  /** Texts. */
  texts: (values: readonly string[]) => list(values.flatMap((value) => textField(field.text, value))),
  /** A tensor, such as the value of a Const. */
  tensor: (dtype: DataType, shape: readonly number[], data: TensorData) =>
    new EncodedAttribute(tensorOf(dtype, shape, data)),
} as const;

const yes = Uint8Array.from(wholeNumberField(field.bool, 1));
const no = Uint8Array.from(wholeNumberField(field.bool, 0));
const types = Object.fromEntries(
  Object.entries(dataTypes).map(([name, code]) => [name, encoded(wholeNumberField(field.type, code))]),
) as Record<DataType, EncodedAttribute>;

/** The bytes of any attribute. */
export function attributeBytes(value: Attribute): Uint8Array {
  if (value instanceof EncodedAttribute) return value.bytes;
  if (typeof value === 'boolean') return value ? yes : no;
  return Uint8Array.from(textField(field.text, value));
}

function encoded(bytes: readonly number[]): EncodedAttribute {
  return new EncodedAttribute(Uint8Array.from(bytes));
}

function list(values: readonly number[]): EncodedAttribute {
  return encoded(messageField(field.list, values));
}

/** TensorShapeProto: a message for each size, which is a message with the size in its field 1. */
function shapeOf(sizes: readonly number[]): number[] {
  return sizes.flatMap((size) => messageField(2, wholeNumberField(1, size)));
}

/** An AttrValue with a TensorProto (tensor.proto): type, shape, and the elements as they lie in memory. */
function tensorOf(dtype: DataType, shape: readonly number[], data: TensorData): Uint8Array {
  const content = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const head = [...wholeNumberField(1, dataTypes[dtype]), ...messageField(2, shapeOf(shape))];
  const inner = [...head, ...fieldOfBytes(4, content.length)];
  const outer = fieldOfBytes(field.tensor, inner.length + content.length);
  const bytes = new Uint8Array(outer.length + inner.length + content.length);
  bytes.set(outer);
  bytes.set(inner, outer.length);
  bytes.set(content, outer.length + inner.length);
  return bytes;
}
