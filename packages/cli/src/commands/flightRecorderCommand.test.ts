import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { scmoe, temporaryFiles } from '../testing/scmoe.js';

const file = temporaryFiles();

/** A new folder with these files. */
function holding(name: string, files: Record<string, string>): string {
  mkdirSync(file(name));
  for (const [each, content] of Object.entries(files)) writeFileSync(join(file(name), each), content);
  return file(name);
}

describe('scmoe flight-recorder', () => {
  const entry = (sequence: number, call: string, state: string, startedMs: number) => ({
    sequence,
    call,
    state,
    startedMs,
    waitingFor: [],
  });
  const record = (rank: number, reason: string, entries: object[]) =>
    JSON.stringify({ version: 1, group: 'world', rank, size: 2, reason, writtenMs: 1, entries });

  it('names the rank that never came', async () => {
    const records = file('records');
    mkdirSync(records);
    const done = entry(0, 'barrier', 'done', 5);
    writeFileSync(join(records, 'a.json'), record(0, 'timed out', [done, entry(1, 'allReduce sum', 'running', 9)]));
    writeFileSync(join(records, 'b.json'), record(1, 'rank 0 gave up', [done]));
    const { code, out } = await scmoe('flight-recorder', records);
    expect(out).toMatch(/^group world, 2 ranks:\n {2}rank 0: timed out\n {2}rank 1: rank 0 gave up\n/);
    expect(out).toMatch(/=> rank 1 never entered collective 1: rank 0 called allReduce sum/);
    expect(code).toBe(0);
  });

  it('names some of very many ranks that left none', async () => {
    const record = { group: 'constructor', rank: 3, size: 200_000, reason: '\u001b[31mred', entries: [] };
    const { code, out } = await scmoe('flight-recorder', holding('one', { 'x.json': JSON.stringify(record) }));
    expect(out).toMatch(/^group constructor, 200000 ranks:\n {2}rank 3: \[31mred\n/);
    expect(out).toMatch(/=> ranks 0, 1, 2, 4, .* and 199935 more left no record/);
    expect(code).toBe(0);
  });

  it.each<[string, () => string, RegExp]>([
    ['a folder that is not there', () => file('no'), /can't read .*no.*ENOENT/],
    ['a folder without records', () => holding('empty', {}), /empty holds no records/],
    [
      'a file that is none',
      () => holding('bad', { 'x.json': '{"group":1}' }),
      /x.json is no flight record: expected group, rank, size and entries/,
    ],
    [
      'entries that are none',
      () => holding('entries', { 'x.json': '{"group":"__proto__","rank":0,"size":2,"entries":[null]}' }),
      /x.json is no flight record: expected entries with sequence, call, state and startedMs, got null/,
    ],
    [
      'a rank that its group has not',
      () => holding('ranks', { 'x.json': '{"group":"g","rank":2,"size":2,"entries":[]}' }),
      /x.json is no flight record: expected group, rank, size and entries/,
    ],
    [
      'more ranks than memory holds',
      () => holding('many', { 'x.json': '{"group":"g","rank":0,"size":1e12,"entries":[]}' }),
      /x.json is no flight record: expected group/,
    ],
    ['a file that is broken', () => holding('broken', { 'x.json': '{' }), /x.json is no flight record/],
  ])('refuses %s', async (_, make, message) => {
    const { code, err } = await scmoe('flight-recorder', make());
    expect(err).toMatch(message);
    expect(code).toBe(1);
  });
});
