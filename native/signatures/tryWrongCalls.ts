import { ArgumentError } from '@scmoe/errors';

import type { Signatures } from './Signature.js';
import { writeNow } from './writeNow.js';
import { rightArguments, wrongCalls, type WrongCall } from './wrongCalls.js';

type Run = (args: Record<string, unknown>) => unknown;

export interface TryOptions {
  /** What some int32 arrays have to hold, and some sizes have to be, for a right call. */
  fills?: Record<string, number>;
  /** Arguments that are not tried with extreme values that may succeed: a very large one would be taken at its word. */
  taken?: readonly string[];
  /** Whether right calls are made as well, which have to succeed. */
  rightToo?: boolean;
  /** Functions without a right call: their arguments have to belong to what others were given. */
  wrongOnly?: readonly string[];
}

/**
 * Calls every function of an addon wrongly in every way that its signature tells of. Says on stdout what it is about to
 * do, so that a process which ends on the way has named the call; the last line is the outcome as JSON.
 */
export function tryWrongCalls(
  addon: object,
  signatures: Signatures,
  { fills = {}, taken = [], rightToo = true, wrongOnly = [] }: TryOptions = {},
): void {
  const functions = addon as Record<string, Run>;
  const bad: string[] = [];
  let tried = 0;
  const unknown = Object.keys(functions).filter((name) => !(name in signatures));
  const absent = Object.keys(signatures).filter((name) => !(name in functions));

  for (const [name, signature] of Object.entries(signatures)) {
    const run = functions[name];
    if (!run) continue;
    const right = () => rightArguments(signature, fills);
    if (rightToo && !wrongOnly.includes(name)) {
      writeNow(`${name}: right`);
      const problem = problemOf(name, run, { what: 'right', args: right(), maySucceed: true });
      if (problem !== 'succeeds') bad.push(`${name}, right: ${problem ?? 'is refused'}`);
    }
    for (const call of wrongCalls(signature, right())) {
      if (call.maySucceed && taken.some((argument) => call.what.startsWith(`${argument} `))) continue;
      writeNow(`${name}: ${call.what}`);
      tried++;
      const problem = problemOf(name, run, call);
      if (problem && !(call.maySucceed && !problem.startsWith('says'))) bad.push(`${name}, ${call.what}: ${problem}`);
    }
  }
  writeNow(JSON.stringify({ tried, functions: Object.keys(functions).length, bad, unknown, absent }));
}

/** What is wrong about how a call ended; undefined where it was refused as it should be. */
function problemOf(name: string, run: Run, { args, argument = '\\w+' }: WrongCall): string | undefined {
  try {
    run(args);
    return 'succeeds';
  } catch (error) {
    if (!(error instanceof ArgumentError)) return `throws ${String(error)}`;
    // A kernel that looks at the data speaks of the operation: `embedding: ids[0]: ...`.
    const form = new RegExp(`^(${name}: ${argument}|\\w+: \\w+(\\[\\d+\\])?): expected .+, got .+`);
    return form.test(error.message) ? undefined : `says '${error.message}'`;
  }
}
