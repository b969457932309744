export interface Timed {
  name: string;
  /** Does the work once and returns its seconds. */
  run: () => Promise<number> | number;
}

/**
 * Runs the contenders in turn, A B A B ..., so that a machine whose speed drifts treats them alike. Seconds by name.
 *
 * @param rounds how many, or whether there is another one after so many, which gave these seconds
 */
export async function alternate(
  contenders: readonly Timed[],
  rounds: number | ((done: number, seconds: ReadonlyMap<string, readonly number[]>) => boolean),
): Promise<Map<string, number[]>> {
  const goesOn = typeof rounds === 'number' ? (done: number) => done < rounds : rounds;
  const seconds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; goesOn(round, seconds); round++) {
    for (const { name, run } of contenders) seconds.get(name)!.push(await run());
  }
  return seconds;
}
