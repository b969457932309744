/** Red, green and blue (..., 3) of inks (..., 4) by the plain formula in whole numbers, as Pillow has it. */
export function cmykToRgb(inks: Uint8Array): Uint8Array {
  const output = new Uint8Array((inks.length / 4) * 3);
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const light = 255 - inks[from + 3]!;
    for (let channel = 0; channel < 3; channel++)
      output[to + channel] = Math.max(0, light - timesOver255(inks[from + channel]!, light));
  }
  return output;
}

/** a * b / 255, rounded, without a division. */
function timesOver255(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}
