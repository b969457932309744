/** A Uint16Array holds the bits of bf16 numbers. */
export type HostArray = Float32Array | Int32Array | Uint16Array;
export type CommDtype = 'float32' | 'bf16' | 'int32';

/** The dtype of an array, or undefined for anything that is none of ours. */
export function dtypeOf(data: unknown): CommDtype | undefined {
  // By its tag: an array from another realm (a test's sandbox, a vm context) is no instance of ours.
  switch (Object.prototype.toString.call(data)) {
    case '[object Float32Array]':
      return 'float32';
    case '[object Uint16Array]':
      return 'bf16';
    case '[object Int32Array]':
      return 'int32';
    default:
      return undefined;
  }
}

export function allocate(dtype: CommDtype, length: number): HostArray {
  switch (dtype) {
    case 'float32':
      return new Float32Array(length);
    case 'bf16':
      return new Uint16Array(length);
    case 'int32':
      return new Int32Array(length);
  }
}
