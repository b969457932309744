export const MiB = 2 ** 20;

/** Bits a second of a rate as tc writes it: '200mbit'. */
export function bitsPerSecond(rate: string): number {
  const [, number, prefix = ''] = /^(\d+(?:\.\d+)?)([kmg]?)bit$/.exec(rate) ?? [];
  if (number === undefined) throw new Error(`rate: expected a number and kbit, mbit or gbit, got ${rate}`);
  return Number(number) * { '': 1, k: 1e3, m: 1e6, g: 1e9 }[prefix]!;
}

/** `1,073k`. */
export function thousands(count: number): string {
  return `${Math.round(count / 1000).toLocaleString('en')}k`;
}
