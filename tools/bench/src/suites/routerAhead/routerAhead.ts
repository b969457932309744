import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { openLanguageModel, openStoredExperts, packExperts, startBackend } from '@scmoe/experts';

import { table } from '../../table.js';
import { openStored } from '../expertStore/contenders.js';
import { hitsOfTrace } from './hitsOfTrace.js';
import { writeTexts } from './writeTexts.js';

export interface RouterAheadOptions {
  /** A folder of run folders of lm-train with a router ahead, one for each seed. */
  models: string;
  /** A text file, of whose end prompts are taken. */
  path: string;
  /** Keeps a line of JSON for each model and way to make steps. */
  resultsPath?: string;
}

const numTexts = 32;
const stepTexts = 8;
const maxNewTokens = 48;
/** Experts of a layer that a cache has room for. */
const caches = [2, 3, 4, 5];

/** How texts come together in a step of `stepTexts`. */
const ways = {
  'in their order': { maxSequences: stepTexts, stepTexts, maxWaitSteps: 0 },
  'by experts, wait 4': { maxSequences: numTexts, stepTexts, maxWaitSteps: 4 },
  'by experts, wait 16': { maxSequences: numTexts, stepTexts, maxWaitSteps: 16 },
} as const;
type Way = keyof typeof ways;

/** What the store has counted, of one size of the cache. */
interface StoreCounts {
  numCached: number;
  policy: 'lru' | 'belady';
  hits: number;
  uses: number;
  reads: number;
}

/** One model and one way. */
interface Result {
  model: string;
  way: Way;
  numLayers: number;
  numExperts: number;
  tokens: number;
  /** Mean over the steps that are full. */
  uniqueExperts: number;
  longestWait: number;
  store: StoreCounts[];
  /** Share of the uses of one layer, by size of its cache: what was used last, and the best that any policy can do. */
  layer: { numCached: number; lru: number; optimal: number }[];
}

/** How few experts steps need whose texts are put together by their experts, and what a cache of experts makes of that. */
export async function routerAheadSuite({ models, path, resultsPath }: RouterAheadOptions): Promise<string> {
  console.log(await startBackend({ threads: 1 }));
  const results: Result[] = [];
  for (const name of readdirSync(models).sort()) {
    const folder = mkdtempSync(join(models, '.packed-'));
    try {
      for (const result of await measureModel(join(models, name), { name, path, packed: join(folder, 'experts') })) {
        results.push(result);
        if (resultsPath !== undefined) appendFileSync(resultsPath, `${JSON.stringify(result)}\n`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return resultText(results);
}

async function measureModel(
  checkpoint: string,
  { name, path, packed }: { name: string; path: string; packed: string },
): Promise<Result[]> {
  const stored = await openStoredExperts(checkpoint);
  const { header } = await packExperts({ checkpoint, out: packed });
  const { model, tokenizer } = (await openLanguageModel(stored))!;
  const ids = Array.from(tokenizer.encode(readFileSync(path)));
  const prompts = Array.from({ length: numTexts }, (_, i) => ids.slice(-(i + 1) * 997).slice(0, 1));
  const results: Result[] = [];
  let expected: string | undefined;
  for (const [way, limits] of Object.entries(ways) as [Way, (typeof ways)[Way]][]) {
    const { texts, steps, longestWait } = await writeTexts(model, prompts, { maxNewTokens, ...limits });
    expectSame((expected ??= JSON.stringify(texts)), texts, way);
    const unique = steps.map((experts) => [...new Set(experts.flat())]);
    const full = unique.filter((_, step) => steps[step]!.length === stepTexts);
    const store: StoreCounts[] = [];
    for (const numCached of caches)
      for (const policy of ['lru', 'belady'] as const) {
        const cacheBytes = numCached * header.layers.length * header.stride;
        // Without a word of what comes, and with all of it.
        const prefetch = policy === 'lru' ? 'none' : 'known';
        const contender = await openStored(stored, packed, { name, prefetch, cacheBytes, policy });
        expectSame(expected, (await writeTexts(contender.model, prompts, { maxNewTokens, ...limits })).texts, way);
        const { hits, readKnown, readOnDemand, reads } = contender.store.statistics;
        store.push({ numCached, policy, hits, uses: hits + readKnown + readOnDemand, reads });
        await contender.close();
      }
    const layer = caches.map((numCached) => ({
      numCached,
      lru: hitsOfTrace(unique, { numCached, policy: 'lru' }),
      optimal: hitsOfTrace(unique, { numCached, policy: 'optimal' }),
    }));
    const tokens = texts.reduce((sum, text) => sum + text.length, 0);
    const uniqueExperts = meanOf(full.map((experts) => experts.length));
    const { layers, numExperts } = header;
    const sizes = { numLayers: layers.length, numExperts, tokens };
    results.push({ model: name, way, ...sizes, uniqueExperts, longestWait, store, layer });
  }
  model.dispose();
  return results;
}

/** A text is what it is, whoever else is in its steps and wherever its experts lie. */
function expectSame(expected: string, texts: readonly number[][], way: Way): void {
  if (JSON.stringify(texts) !== expected) throw new Error(`texts put together ${way}: expected the same, got others`);
}

function resultText(results: readonly Result[]): string {
  const of = (way: Way) => results.filter((result) => result.way === way);
  const rows = (Object.keys(ways) as Way[]).map((way) => {
    const own = of(way);
    const unique = own.map(({ uniqueExperts }) => uniqueExperts);
    return [
      way,
      `${meanOf(unique).toFixed(2)} (${unique.map((each) => each.toFixed(2)).join(', ')})`,
      String(Math.max(...own.map(({ longestWait }) => longestWait))),
    ];
  });
  const hitRows = (Object.keys(ways) as Way[]).flatMap((way) => {
    const ofStore = (policy: StoreCounts['policy']) =>
      caches.map((numCached) => {
        const own = of(way).map(({ store }) => store.find((s) => s.numCached === numCached && s.policy === policy)!);
        return percent(meanOf(own.map(({ hits, uses }) => hits / uses)));
      });
    const ofLayer = (policy: 'lru' | 'optimal') =>
      caches.map((numCached) =>
        percent(meanOf(of(way).map(({ layer }) => layer.find((each) => each.numCached === numCached)![policy]))),
      );
    return [
      [way, 'store: LRU, on demand', ...ofStore('lru')],
      [way, 'store: Belady, route ahead', ...ofStore('belady')],
      [way, 'one layer: LRU', ...ofLayer('lru')],
      [way, 'one layer: all steps known', ...ofLayer('optimal')],
    ];
  });
  const readRows = (Object.keys(ways) as Way[]).flatMap((way) =>
    (['lru', 'belady'] as const).map((policy) => [
      way,
      policy === 'lru' ? 'LRU, on demand' : 'Belady, route ahead',
      ...caches.map((numCached) => {
        const perToken = of(way).map(({ store, tokens, numLayers }) => {
          const { reads } = store.find((s) => s.numCached === numCached && s.policy === policy)!;
          return reads / tokens / numLayers;
        });
        return meanOf(perToken).toFixed(2);
      }),
    ]),
  );
  const { numExperts } = results[0]!;
  return [
    `${numTexts} texts of ${maxNewTokens} tokens, ${stepTexts} a step; ${new Set(results.map(({ model }) => model)).size} models of ${numExperts} experts`,
    table(['texts of a step', 'unique experts a step (each model)', 'longest wait, steps'], rows),
    `hits of uses, where each layer has room for so many of its ${numExperts} experts`,
    table(['texts of a step', 'cache', ...caches.map(String)], hitRows),
    'experts read for a token and layer',
    table(['texts of a step', 'cache of the store', ...caches.map(String)], readRows),
  ].join('\n\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
