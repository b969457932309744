/** Seconds of single steps by what ran: see `stepKey` and `computeKey` in measureCell.ts. */
export type Steps = ReadonlyMap<string, readonly number[]>;
