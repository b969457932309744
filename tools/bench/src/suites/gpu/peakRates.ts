/** Dense peaks of a card in FLOP/s: products of bf16, and of float32 without TF32. */
export interface PeakRates {
  bf16: number;
  float32: number;
}

/** TFLOP/s of NVIDIA's data sheets, without sparsity; the first whose name fits. */
const cards: readonly (readonly [RegExp, bf16: number, float32: number])[] = [
  [/H[12]00 NVL/, 835, 60],
  [/H100 PCIe/, 756, 51],
  [/H[12]00/, 989, 67],
  [/A100/, 312, 19.5],
  [/L40S/, 362, 91.6],
  [/L40/, 181, 90.5],
  [/L4\b/, 121, 30.3],
  [/A10\b|A10G/, 125, 31.2],
  [/RTX 4090/, 165, 82.6],
];

/** The peaks of a card by its name; undefined for one that is not in the table. */
export function peakRatesOf(name: string): PeakRates | undefined {
  const found = cards.find(([pattern]) => pattern.test(name));
  return found && { bf16: found[1] * 1e12, float32: found[2] * 1e12 };
}
