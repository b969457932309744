/** How many convolutions make one token of a square of side `patchStride`; no whole number where that can't be. */
export function numConvolutions(patchStride: number): number {
  return patchStride > 1 ? Math.log2(patchStride) : NaN;
}
