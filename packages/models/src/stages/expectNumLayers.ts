import { expectInteger, expectPositiveInteger } from '@scmoe/errors';

/** Deeper than any model, and few enough for JavaScript to keep account of all their tensors. */
const maxLayers = 2 ** 14;

/** Checks a number of blocks before any is made. @throws ArgumentError where it is none, or more than 16,384. */
export function expectNumLayers(numLayers: number): void {
  expectPositiveInteger('numLayers', numLayers);
  expectInteger('numLayers', numLayers, { minimum: 1, maximum: maxLayers });
}
