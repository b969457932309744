/** The types of elements that are used here, by name, with the numbers of TensorFlow's DataType (types.proto). */
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

/** What elements lie in on the side of JavaScript: bfloat16 and float16 as their bits, complex64 as pairs. */
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

type TensorDataClass = { new (buffer: ArrayBuffer): TensorData; readonly BYTES_PER_ELEMENT: number };

const classes: Partial<Record<DataType, TensorDataClass>> = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  complex64: Float32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  bfloat16: Uint16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
};

const names = new Map<number, DataType>(Object.entries(dataTypes).map(([name, code]) => [code, name as DataType]));

/** The name of a type of TensorFlow's; undefined for one that is not used here. */
export function dataTypeOf(code: number): DataType | undefined {
  return names.get(code);
}

/** The class of arrays for elements of this type; undefined where JavaScript has none (string, resource). */
export function dataClassOf(dtype: DataType): TensorDataClass | undefined {
  return classes[dtype];
}
