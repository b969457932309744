/** The types of elements that are used here, by the names of TensorFlow, with the numbers of its DataType (types.proto). */
export const dataTypes = {
  float32: 1,
  float64: 2,
  int32: 3,
  uint8: 4,
  int8: 6,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  bfloat16: 14,
  uint16: 17,
  float16: 19,
  resource: 20,
  variant: 21,
  uint32: 22,
  uint64: 23,
} as const;

/** A type of elements. */
export type DataType = keyof typeof dataTypes;

/** What the elements of a tensor lie in, on the side of JavaScript: bfloat16 and float16 as their bits. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

const names = new Map<number, DataType>(Object.entries(dataTypes).map(([name, code]) => [code, name as DataType]));

/** The name of a type of TensorFlow's; undefined for one that is not used here. */
export function dataTypeOf(code: number): DataType | undefined {
  return names.get(code);
}
