// Everything that the bootstrap prints: short lines, one fact each.
const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export const say = (text) => console.log(`${paint(2, 'scmoe')} ${text}`);

/** Prints what went wrong and what to do, and leaves with a failure. */
export function fail(problem, advice = []) {
  console.error(`${paint(31, 'error')} ${problem}`);
  for (const line of [advice].flat()) console.error(`      ${line}`);
  process.exit(1);
}
