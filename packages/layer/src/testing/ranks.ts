import { findGloo, StoreServer } from '@scmoe/comm';
import { describeUnless, runRanks as runPrograms } from '@scmoe/testing';

/** `describe`, or a skipped one that says why, where ranks can't exchange anything because the Gloo addon was not built. */
export function describeRanks(name: string, tests: () => void): void {
  describeUnless(findGloo().problem, name, tests);
}

/** Runs a TypeScript program as `size` ranks. @returns what each has sent with `sendResult` */
export function runRanks<Result>(program: string, size: number): Promise<Result[]> {
  return runPrograms(program, size, (token) => StoreServer.listen({ token, silenceMs: 60_000 }));
}
