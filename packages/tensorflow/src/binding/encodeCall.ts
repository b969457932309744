import { attributeBytes, type Attributes } from './Attribute.js';
import type { OperationInput } from './TensorFlowBinding.js';

/** What an operation is given, as the addon takes it; see native/signatures/tensorflow/session.ts. */
export interface EncodedCall {
  operation: string;
  attributes: Uint8Array;
  numAttributeBytes: number;
  inputs: Int32Array;
  numInputs: number;
  groups: Int32Array;
  numGroups: number;
}

const noAttributes = new Uint8Array(0);
const singles = Array.from({ length: 9 }, (_, count) => new Int32Array(count).fill(-1));
const nameBytes = new Map<string, Uint8Array>();

/** Puts the arguments and attributes of an operation into arrays. */
export function encodeCall(
  operation: string,
  inputs: readonly OperationInput[],
  attributes: Attributes | undefined,
): EncodedCall {
  const ids: number[] = inputs.flat();
  const groups =
    (ids.length === inputs.length && inputs.every(isSingle) ? singles[ids.length] : undefined) ??
    Int32Array.from(inputs, (input) => (isSingle(input) ? -1 : input.length));
  const packed = attributes === undefined ? noAttributes : packAttributes(attributes);
  return {
    operation,
    attributes: packed,
    numAttributeBytes: packed.length,
    inputs: Int32Array.from(ids),
    numInputs: ids.length,
    groups,
    numGroups: groups.length,
  };
}

const isSingle = (input: OperationInput): input is number => typeof input === 'number';

/** For each: one byte and the name of that many, four bytes and the value of that many. */
function packAttributes(attributes: Attributes): Uint8Array {
  const parts = Object.entries(attributes).map(([name, value]) => [bytesOfName(name), attributeBytes(value)] as const);
  if (parts.length === 0) return noAttributes;
  const packed = new Uint8Array(parts.reduce((sum, [name, value]) => sum + 5 + name.length + value.length, 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const [name, value] of parts) {
    packed[at] = name.length;
    packed.set(name, at + 1);
    view.setUint32(at + 1 + name.length, value.length, true);
    packed.set(value, at + 5 + name.length);
    at += 5 + name.length + value.length;
  }
  return packed;
}

function bytesOfName(name: string): Uint8Array {
  let bytes = nameBytes.get(name);
  if (bytes === undefined) nameBytes.set(name, (bytes = new TextEncoder().encode(name)));
  return bytes;
}
