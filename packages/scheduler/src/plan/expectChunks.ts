import { expectInteger, expectPositiveInteger } from '@scmoe/errors';

/** More than pays anywhere, and few enough for plans of every number of chunks to be compared. */
export const mostChunks = 256;

/** Checks a number of chunks. @throws ArgumentError naming `what` unless it is a whole number from 1 to 256. */
export function expectChunks(what: string, chunks: number): void {
  expectPositiveInteger(what, chunks);
  expectInteger(what, chunks, { minimum: 1, maximum: mostChunks });
}
