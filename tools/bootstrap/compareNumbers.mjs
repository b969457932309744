// Jest's setup of every test file: lists of numbers that are the same are found so at once. Where they are not, Jest's own
// comparison, which asks a dozen questions of each number, says how they differ.
import { types } from 'node:util';

/* global expect */
expect.addEqualityTesters([sameNumbers]);

/** @returns {true | undefined} undefined leaves the answer to Jest */
function sameNumbers(a, b) {
  if (types.isTypedArray(a)) return types.isTypedArray(b) && hasSameBytes(a, b) ? true : undefined;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return undefined;
  for (let i = 0; i < a.length; i++) if (typeof a[i] !== 'number' || !Object.is(a[i], b[i])) return undefined;
  return true;
}

function hasSameBytes(a, b) {
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b) || a.byteLength !== b.byteLength)
    return false;
  const bytes = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return bytes(a).equals(bytes(b));
}
