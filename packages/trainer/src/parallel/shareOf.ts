import { UserError } from '@scmoe/errors';

/**
 * The micro-batches of step `step` that fall to a rank: number n of the run goes to rank n mod (number of ranks). So a
 * step has the same micro-batches on any number of ranks, and all ranks agree on the order of the data without a word
 * (docs/decisions.md#micro-batches).
 */
export function shareOf(
  step: number,
  { accumulate, rank, size }: { accumulate: number; rank: number; size: number },
): number[] {
  const first = step * accumulate;
  return Array.from({ length: accumulate / size }, (_, i) => first + i * size + rank);
}

/** More micro-batches than any update has, and few enough to be counted out in memory. */
const maxAccumulate = 2 ** 20;

/**
 * Checks that ranks get equal shares.
 *
 * @throws UserError where the micro-batches of a step can't be shared out evenly, or are more than 1,048,576.
 */
export function checkAccumulate(accumulate: number, size: number): void {
  if (accumulate > maxAccumulate) {
    throw new UserError(
      `accumulate: expected at most ${maxAccumulate} micro-batches of an update, got ${accumulate}.`,
      {
        exitCode: 2,
      },
    );
  }
  if (Number.isInteger(accumulate) && accumulate > 0 && accumulate % size === 0) return;
  const ranks = size === 1 ? '1 rank' : `${size} ranks`;
  throw new UserError(
    `accumulate: expected a multiple of the ${ranks}, to which the micro-batches of an update are shared out, got ${accumulate}.`,
    { exitCode: 2 },
  );
}
