/**
 * What samplers write into while a token is drawn: kept from token to token, and shared by texts that are drawn one after the other, so
 * that it stays in the processor's cache.
 */
export class SamplingMemory {
  /** 0, 1, 2, ... */
  all = new Int32Array(0);
  /** How likely each candidate is: the most likely token has 1. */
  weights = new Float64Array(0);

  /** Makes room for so many scores. */
  fit(size: number): void {
    if (this.all.length === size) return;
    this.all = Int32Array.from({ length: size }, (_, id) => id);
    this.weights = new Float64Array(size);
  }
}
