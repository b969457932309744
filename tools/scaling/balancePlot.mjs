import { existsSync, readFileSync } from 'node:fs';

import { look } from './style.mjs';

const runsFile = new URL('../../docs/experts/balance.jsonl', import.meta.url);

/** Ways to keep the load even that are drawn, each with its colour. */
const drawn = {
  none: '#7b8794',
  'auxiliary loss 0.01': '#59a14f',
  'sign 0.001': '#f2a33a',
  'sign 0.01': '#b5651d',
  'quantile 0': '#76b7e0',
  'quantile 0.5': '#d62839',
  'quantile 0.9': '#8e6bb0',
};

const measures = { worstLoad: 'fullest expert, as a multiple of the mean', dropped: 'share of choices dropped' };

/** Load and dropped choices over the steps of `npm run bench -- balance`, means over the seeds; undefined without its runs. */
export function balancePlot() {
  if (!existsSync(runsFile)) return undefined;
  const runs = readFileSync(runsFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const values = Object.keys(drawn).flatMap((variant) => {
    const own = runs.filter((run) => run.variant === variant);
    if (own.length === 0) return [];
    return own[0].worstLoad.flatMap((_, step) =>
      Object.entries(measures).map(([name, measure]) => ({
        variant,
        measure,
        step,
        value: own.reduce((sum, run) => sum + run[name][step], 0) / own.length,
      })),
    );
  });
  const colour = {
    field: 'variant',
    type: 'nominal',
    title: null,
    scale: { domain: Object.keys(drawn), range: Object.values(drawn) },
    legend: {
      orient: 'bottom',
      symbolType: 'stroke',
      symbolStrokeWidth: 3,
      labelFontSize: 12,
      columns: 7,
      columnPadding: 24,
      labelLimit: 0,
    },
  };
  return {
    ...look,
    title: 'Load of 8 experts, top-2, capacity 1.0, in the first steps of training on text',
    data: { values },
    facet: { column: { field: 'measure', type: 'nominal', title: null, sort: Object.values(measures) } },
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 400,
      height: 280,
      mark: { type: 'line', strokeWidth: 1.5 },
      encoding: {
        x: { field: 'step', type: 'quantitative', title: 'step' },
        y: { field: 'value', type: 'quantitative', title: null, scale: { zero: false } },
        color: colour,
      },
    },
  };
}
