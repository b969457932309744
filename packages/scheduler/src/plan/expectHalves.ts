import { expectInteger } from '@scmoe/errors';

/** Checks a number of halves. @throws ArgumentError naming `what` unless it is 1 or 2. */
export function expectHalves(what: string, halves: number): void {
  expectInteger(what, halves, { minimum: 1, maximum: 2 });
}
