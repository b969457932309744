import { existsSync, readFileSync } from 'node:fs';

import { look } from './style.mjs';

const runsFile = new URL('../../docs/experts/store.jsonl', import.meta.url);

/** Ways to come by experts that are drawn, each with its colour. */
const drawn = {
  'standard top-2, on demand': '#7b8794',
  'standard top-2, guessed': '#1f2933',
  'ScMoE pos2, on demand': '#f2a33a',
  'ScMoE pos2, exact': '#d62839',
  'all in memory': '#59a14f',
};

const names = {
  'standard on demand': 'standard top-2, on demand',
  'standard guess': 'standard top-2, guessed',
  'scmoe on demand': 'ScMoE pos2, on demand',
  'scmoe exact': 'ScMoE pos2, exact',
  'scmoe memory': 'all in memory',
};

/** Time of a token over the rate of the disk, of `npm run bench -- expert-store`; undefined without its runs. */
export function expertStorePlot() {
  if (!existsSync(runsFile)) return undefined;
  const results = readFileSync(runsFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const values = results.flatMap(({ rate, lines }) =>
    lines.flatMap(({ model, experts, ms }) => {
      const contender = names[`${model} ${experts}`];
      return contender ? [{ rate, contender, ms }] : [];
    }),
  );
  const { cacheBytes, totalBytes, expertBytes } = results[0];
  return {
    ...look,
    title: {
      text: 'Time of a token with experts on a disk',
      subtitle: `experts of ${(expertBytes / 1e6).toFixed(2)} MB, a cache for 1 in ${Math.round(totalBytes / cacheBytes)} of them`,
      anchor: 'start',
    },
    data: { values },
    width: 560,
    height: 320,
    mark: { type: 'line', point: true, strokeWidth: 2 },
    encoding: {
      x: {
        field: 'rate',
        type: 'quantitative',
        title: 'rate of the disk, MB/s',
        scale: { type: 'log', nice: false },
        axis: { values: results.map(({ rate }) => rate) },
      },
      y: { field: 'ms', type: 'quantitative', title: 'ms a token' },
      color: {
        field: 'contender',
        type: 'nominal',
        title: null,
        scale: { domain: Object.keys(drawn), range: Object.values(drawn) },
        legend: { labelFontSize: 12, labelLimit: 0, symbolType: 'stroke', symbolStrokeWidth: 3 },
      },
    },
  };
}
