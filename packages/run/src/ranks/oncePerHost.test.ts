import { join } from 'node:path';

import { findGloo, StoreServer } from '@scmoe/comm';
import { describeUnless, runRanks } from '@scmoe/testing';

import type { OncePerHostOutcome } from '../testing/oncePerHostProgram.js';
import { oncePerHost } from './oncePerHost.js';

describe('oncePerHost without other ranks', () => {
  it('does the work', async () => {
    expect(await oncePerHost(undefined, () => Promise.resolve(3))).toBe(3);
  });
});

describeUnless(findGloo().problem, 'oncePerHost on three ranks', () => {
  let reports: Record<'oneHost' | 'twoHosts' | 'failure', OncePerHostOutcome>[];
  beforeAll(async () => {
    const program = join(import.meta.dirname, '..', 'testing', 'oncePerHostProgram.ts');
    reports = await runRanks(program, 3, (token) => StoreServer.listen({ token, silenceMs: 60_000 }));
  });
  const of = (name: 'oneHost' | 'twoHosts' | 'failure') => reports.map((report) => report[name]);

  it('lets the first rank work, however long, and the others after it', () => {
    const [first, ...others] = of('oneHost');
    expect(of('oneHost').map(({ result, error }) => result ?? error)).toEqual([10, 11, 12]);
    for (const { began } of others) expect(began).toBeGreaterThanOrEqual(first!.ended!);
  });

  it('lets one rank of each host work, and the others after all of these', () => {
    const [a, b, second] = of('twoHosts');
    expect(of('twoHosts').map(({ result, error }) => result ?? error)).toEqual([20, 21, 22]);
    expect(second!.began).toBeGreaterThanOrEqual(Math.max(a!.ended!, b!.ended!));
    expect(b!.began).toBeLessThanOrEqual(a!.ended!);
  });

  it('tells every rank of a failure, and lets nobody else begin', () => {
    const waiting = 'UserError: Rank 1 could not do what this rank waits for: The disk is full.';
    expect(of('failure').map(({ error }) => error)).toEqual([waiting, 'UserError: The disk is full.', waiting]);
    expect(of('failure')[2]!.began).toBeUndefined();
  });
});
