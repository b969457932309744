import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import {
  openLanguageModel,
  openStoredExperts,
  packExperts,
  startBackend,
  type ExpertStoreStatistics,
} from '@scmoe/experts';

import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { openStored, openWindow, type StoreContender } from './contenders.js';
import { decode } from './decode.js';

export interface ExpertStoreOptions {
  /** A folder with two run folders of lm-train: `scmoe` and `standard`. */
  models: string;
  /** A text file, whose end is read. */
  path: string;
  /** Rates at which experts are read, MB/s. */
  rates: readonly number[];
  /** The share of all experts that a cache has room for. */
  cacheShare?: number;
  rounds?: number;
  direct?: boolean;
  /** Keeps a line of JSON for each rate. */
  resultsPath?: string;
}

/** One contender at one rate. */
interface Line {
  model: 'scmoe' | 'standard';
  experts: 'memory' | 'all cached' | 'on demand' | 'exact' | 'guess';
  /** Mean over the tokens of the median over the rounds, ms: each round reads the same text, and misses the same experts. */
  ms: number;
  /** The part of it that stood still for a read. */
  waitMs: number;
  /** Per token. */
  bytesRead: number;
  /** Share of the uses without an expert in memory for which it was on its way when its route was known. */
  covered: number;
  /** Reads that nobody used, for each that somebody did. */
  wasted: number;
}

/** What is measured at a rate. */
interface Result {
  rate: number;
  expertBytes: number;
  cacheBytes: number;
  totalBytes: number;
  windowMs: number;
  lines: Line[];
}

const numTokens = 64;
const warmUp = 8;
const ways = {
  scmoe: [
    { experts: 'on demand', prefetch: 'none' },
    { experts: 'exact', prefetch: 'known' },
  ],
  standard: [
    { experts: 'on demand', prefetch: 'none' },
    { experts: 'guess', prefetch: 'guess' },
  ],
} as const;

/** Time of a token of two models of one size whose experts are on a disk, of a shortcut and of a standard one. */
export async function expertStoreSuite({
  models,
  path,
  rates,
  cacheShare = 1 / 8,
  rounds = 7,
  direct = false,
  resultsPath,
}: ExpertStoreOptions): Promise<string> {
  console.log(await startBackend({ threads: 1 }));
  const folder = mkdtempSync(join(models, 'packed-'));
  try {
    const results: Result[] = [];
    const kinds = await openKinds(models, folder);
    const { tokenizer } = (await openLanguageModel(kinds[0]!.stored))!;
    const text = Array.from(tokenizer.encode(readFileSync(path))).slice(-numTokens);
    for (const rate of rates) {
      const result = await measure(kinds, text, { rounds, rate, cacheShare, direct });
      results.push(result);
      if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(result)}\n`);
    }
    return results.map(resultText).join('\n\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function openKinds(models: string, folder: string) {
  const kinds = [];
  for (const kind of ['scmoe', 'standard'] as const) {
    const checkpoint = join(models, kind);
    const packed = join(folder, kind);
    const { header, bytes } = await packExperts({ checkpoint, out: packed });
    kinds.push({ kind, packed, header, bytes, stored: await openStoredExperts(checkpoint) });
  }
  return kinds;
}

/** Every contender reads the same text, in turns, so that what else the machine does meets all of them. */
async function measure(
  kinds: Awaited<ReturnType<typeof openKinds>>,
  text: readonly number[],
  { rounds, rate, cacheShare, direct }: { rounds: number; rate: number; cacheShare: number; direct: boolean },
): Promise<Result> {
  const { stride } = kinds[0]!.header;
  const cacheBytes = Math.floor((kinds[0]!.bytes * cacheShare) / stride) * stride;
  const contenders: Contender[] = [];
  for (const { kind, packed, stored } of kinds) {
    const whole = (await openLanguageModel(stored))!.model;
    contenders.push({ kind, experts: 'memory', contender: { model: whole, close: () => dispose(whole) }, took: [] });
    for (const { experts, prefetch } of ways[kind]) {
      const options = { name: experts, prefetch, cacheBytes, maxBytesPerSecond: rate * 1e6, direct };
      contenders.push({ kind, experts, contender: await openStored(stored, packed, options), took: [] });
    }
  }
  const window = await openWindow(kinds[0]!.stored, kinds[0]!.packed);
  contenders.splice(1, 0, { kind: 'scmoe', experts: 'all cached', contender: window, took: [] });
  const before = new Map<Opened, ExpertStoreStatistics>();
  // The first round fills the caches.
  for (let round = 0; round <= rounds; round++)
    for (const { contender, took } of contenders) {
      const waited = () => contender.store?.statistics.waitMs ?? 0;
      const once = decode(contender.model, text, { warmUp, waited });
      if (round > 0) took.push(once);
      else if (contender.store) before.set(contender, contender.store.statistics);
    }
  const tokens = rounds * numTokens;
  const lines = contenders.map(({ kind, experts, contender, took }): Line => {
    const numbers = contender.store && since(contender.store.statistics, before.get(contender)!);
    const of = (what: keyof Took) => meanOfMedians(took, what);
    return { model: kind, experts, ms: of('times'), waitMs: of('waits'), ...perToken(numbers, tokens) };
  });
  for (const { contender } of contenders) await contender.close();
  return {
    ...{ rate, expertBytes: stride, cacheBytes, totalBytes: kinds[0]!.bytes },
    windowMs: median(window.windows),
    lines,
  };
}

type Took = ReturnType<typeof decode>;

interface Contender {
  kind: 'scmoe' | 'standard';
  experts: Line['experts'];
  contender: Opened;
  /** What each round took. */
  took: Took[];
}

/** Over the tokens, of the medians over the rounds. */
function meanOfMedians(rounds: readonly Took[], of: keyof Took): number {
  const medians = rounds[0]![of].map((_, token) => median(rounds.map((round) => round[of][token]!)));
  return medians.reduce((sum, ms) => sum + ms, 0) / medians.length;
}

type Opened = Pick<StoreContender, 'model' | 'close'> & { store?: StoreContender['store'] };

function dispose(model: { dispose(): void }): Promise<void> {
  model.dispose();
  return Promise.resolve();
}

function since(now: ExpertStoreStatistics, before: ExpertStoreStatistics): ExpertStoreStatistics {
  const names = Object.keys(now) as (keyof ExpertStoreStatistics)[];
  return Object.fromEntries(names.map((name) => [name, now[name] - before[name]])) as unknown as ExpertStoreStatistics;
}

function perToken(
  numbers: ExpertStoreStatistics | undefined,
  tokens: number,
): Pick<Line, 'bytesRead' | 'covered' | 'wasted'> {
  if (!numbers) return { bytesRead: 0, covered: 0, wasted: 0 };
  const { bytesRead, readKnown, readGuessed, readOnDemand, wasted } = numbers;
  const misses = readKnown + readGuessed + readOnDemand;
  // In a standard layer a route is known when its experts are needed: what is read then is on demand.
  const ahead = readGuessed > 0 ? readGuessed : readKnown;
  return { bytesRead: bytesRead / tokens, covered: ahead / misses, wasted: wasted / misses };
}

/** A table for one rate, and what it says of the aims. */
function resultText({ rate, expertBytes, cacheBytes, totalBytes, windowMs, lines }: Result): string {
  const of = (model: Line['model'], experts: Line['experts']) =>
    lines.find((line) => line.model === model && line.experts === experts)!;
  const rows = lines.map(({ model, experts, ms, bytesRead, waitMs, covered, wasted }) => [
    model === 'scmoe' ? 'ScMoE pos2' : 'standard top-2',
    experts,
    ms.toFixed(2),
    (bytesRead / 1e6).toFixed(2),
    waitMs.toFixed(2),
    bytesRead === 0 ? '' : `${(100 * covered).toFixed(0)} %`,
    bytesRead === 0 ? '' : wasted.toFixed(2),
  ]);
  const [memory, demand, exact] = [of('scmoe', 'memory'), of('scmoe', 'on demand'), of('scmoe', 'exact')];
  const hidden = 1 - exact.waitMs / demand.waitMs;
  const ofToken = 1 - (exact.ms - memory.ms) / (demand.ms - memory.ms);
  const faster = of('standard', 'guess').ms / exact.ms;
  const read = expertBytes / (rate * 1e6);
  return [
    `${rate} MB/s: an expert of ${(expertBytes / 1e6).toFixed(2)} MB takes ${(1000 * read).toFixed(2)} ms, the window is ${windowMs.toFixed(2)} ms; cache ${(cacheBytes / 1e6).toFixed(1)} of ${(totalBytes / 1e6).toFixed(1)} MB`,
    '',
    table(['model', 'experts', 'ms a token', 'MB read', 'ms waited', 'misses ahead', 'in vain'], rows),
    '',
    `exact prefetch hides ${(100 * hidden).toFixed(0)} % of the wait for reads, ${(100 * ofToken).toFixed(0)} % of what reading on demand adds to a token; standard top-2 with guessing takes ${faster.toFixed(2)} times as long`,
  ].join('\n');
}
