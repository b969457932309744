import type { TensorForm } from '@scmoe/tensor';

import type { Attributes } from '../binding/Attribute.js';
import { bytesOfForm, callAttributes, type CallModule } from './CallModule.js';

/** What a kernel is given: a tensor, or what lies in a pack from an element on. */
export interface GivenOperand {
  readonly id: number;
  readonly pack?: TensorForm;
  readonly first?: number;
}

/** A call in which some of what the kernel works on lies in packs. */
export interface PackedCall {
  /** Numbers in the graph. */
  readonly operands: readonly number[];
  readonly attributes: Attributes;
  /** The result of the operation in which each of the kernel's is, and whether it lies in a pack there, in the place of its operand. */
  readonly results: readonly { index: number; isPacked: boolean }[];
}

/**
 * The call of a kernel on values that lie in packs: a pack that it writes into is one operand and one result over it, and `places`
 * tells the kernel's arrays, arguments and then results, by buffer, first byte and bytes.
 */
export function packedCall({ call, inputs }: CallModule, given: readonly GivenOperand[]): PackedCall {
  const { overwrites = [] } = call;
  const operands: number[] = [];
  const forms: TensorForm[] = [];
  const bufferOf = new Map<number, number>();
  const argumentPlaces = given.map(({ id, pack, first = 0 }, i) => {
    // Other tensors twice where they are given twice: one of the two may be written over.
    let buffer = pack && bufferOf.get(id);
    if (buffer === undefined) {
      buffer = operands.push(id) - 1;
      forms.push(pack ?? inputs[i]!);
      if (pack) bufferOf.set(id, buffer);
    }
    return { buffer, firstByte: first * Float32Array.BYTES_PER_ELEMENT, bytes: bytesOfForm(inputs[i]!) };
  });
  const made: TensorForm[] = [];
  const over: number[] = [];
  const resultOf = new Map<number, number>();
  const results = call.results.map(() => ({ index: -1, isPacked: false }));
  for (const [result, operand] of overwrites.entries()) {
    const { id, pack } = given[operand]!;
    const { buffer } = argumentPlaces[operand]!;
    let index = pack && resultOf.get(id);
    if (index === undefined) {
      index = made.push(pack ?? call.results[result]!) - 1;
      over.push(buffer);
      if (pack) resultOf.set(id, index);
    }
    results[result] = { index, isPacked: pack !== undefined };
  }
  for (const [result, form] of call.results.entries()) {
    if (result >= overwrites.length) results[result] = { index: made.push(form) - 1, isPacked: false };
  }
  const resultPlaces = results.map(({ index, isPacked }, result) => ({
    buffer: operands.length + index,
    firstByte: isPacked ? argumentPlaces[overwrites[result]!]!.firstByte : 0,
    bytes: bytesOfForm(call.results[result]!),
  }));
  const arrays = [...argumentPlaces, ...resultPlaces];
  const places = [given.length, ...arrays.flatMap(({ buffer, firstByte, bytes }) => [buffer, firstByte, bytes])];
  const numbers = { ...call.numbers, places };
  return {
    operands,
    attributes: callAttributes({ target: call.target, numbers, results: made, overwrites: over }, forms),
    results,
  };
}
