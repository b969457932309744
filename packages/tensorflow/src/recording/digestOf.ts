import { createHash } from 'node:crypto';

import { attributeBytes } from '../binding/Attribute.js';
import type { Packing } from './Packing.js';
import type { Recording } from './Recording.js';

/**
 * What a recording computes, and on variables that lie where, as 16 hexadecimal digits: the same in every process that records the
 * same step.
 */
export function digestOf({ inputs, constants, nodes, results, updates }: Recording, packing: Packing): string {
  const hash = createHash('sha256');
  const add = (value: unknown) => hash.update(`${JSON.stringify(value)}\n`);
  for (const { value, dtype, shape, source, index } of inputs) add([value, dtype, shape, source, index]);
  for (const { value, dtype, shape, data } of constants) {
    add([value, dtype, shape, data.length]);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  for (const { operation, attributes, inputs, outputs } of nodes) {
    add([operation, inputs, outputs.map(({ value }) => value)]);
    for (const name of Object.keys(attributes).sort()) {
      add(name);
      hash.update(attributeBytes(attributes[name]!));
    }
  }
  add([packing.lengths, packing.places.map((place) => place && [place.pack, place.first])]);
  add([results, updates.map(({ index, value }) => [index, value])]);
  return hash.digest('hex').slice(0, 16);
}
