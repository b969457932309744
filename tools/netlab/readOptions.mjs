import { parseArgs } from 'node:util';

export const usage =
  'Usage: node tools/netlab/cli.mjs --ranks N [--rate 200mbit] [--burst 128kb] [--latency 30ms] [--pin] -- command [argument ...]';

/** @returns the lab's options and the command, or what is wrong with them. */
export function readOptions(args) {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const command = end < 0 ? [] : args.slice(end + 1);
  let values;
  try {
    ({ values } = parseArgs({
      args: own,
      options: {
        ranks: { type: 'string', default: '2' },
        rate: { type: 'string' },
        burst: { type: 'string' },
        latency: { type: 'string' },
        pin: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    return { problem: error.message };
  }
  const { help, ranks: ranksText, pin, ...shape } = values;
  if (help) return { help };
  if (!/^[2-8]$/.test(ranksText)) return { problem: `--ranks ${ranksText}: expected a whole number from 2 to 8.` };
  // As tc reads them; without a unit it would take a rate as bits and a time as microseconds.
  const patterns = { rate: /^\d+(\.\d+)?[kmg]?bit$/, burst: /^\d+(\.\d+)?[km]?b$/, latency: /^\d+(\.\d+)?[mu]?s$/ };
  for (const [name, value] of Object.entries(shape)) {
    if (!patterns[name].test(value))
      return { problem: `--${name} ${value}: expected a number with a unit, as in the usage.` };
  }
  if (command.length === 0) return { problem: 'no command: expected one after `--`.' };
  return { lab: { ranks: Number(ranksText), pin, ...shape }, command };
}
