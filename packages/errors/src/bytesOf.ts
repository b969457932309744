const units: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * Reads a size of memory: a whole number of bytes, or a number with KiB, MiB, GiB, TiB (K, M, G, T for short) or KB, MB, GB, TB.
 *
 * @returns undefined for what is none, or less than a byte
 */
export function bytesOf(text: string): number | undefined {
  const [, number, unit, kind] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(ib|b)?\s*$/i.exec(text) ?? [];
  const name = unit?.toLowerCase() ?? '';
  const isDecimal = name !== '' && kind?.toLowerCase() === 'b';
  const factor = isDecimal ? 1000 ** Math.round(Math.log2(units[name]!) / 10) : units[name];
  const bytes = Math.floor(Number(number) * factor!);
  return Number.isSafeInteger(bytes) && bytes >= 1 ? bytes : undefined;
}
