import { ArgumentError } from '@scmoe/errors';

/** Something that takes memory. */
export interface MemoryUse {
  readonly bytes: number;
}

/** What keeps to a limit of memory, in its order; or the least memory that any of it takes, where nothing does. */
export type WithinMemory<Plan> =
  { readonly fitting: readonly [Plan, ...Plan[]] } | { readonly fitting: undefined; readonly leastBytes: number };

/**
 * The plans that take no more memory than there is.
 *
 * @throws ArgumentError where there is no plan at all
 */
export function withinMemory<Plan extends MemoryUse>(plans: readonly Plan[], limitBytes: number): WithinMemory<Plan> {
  if (plans.length === 0) throw new ArgumentError('plans: expected at least one, got none');
  const [first, ...others] = plans.filter(({ bytes }) => bytes <= limitBytes);
  if (first) return { fitting: [first, ...others] };
  return { fitting: undefined, leastBytes: Math.min(...plans.map(({ bytes }) => bytes)) };
}
