import { existsSync, readFileSync } from 'node:fs';

import { look } from './style.mjs';

const runsFile = new URL('../../docs/experts/seconds.jsonl', import.meta.url);

/** Contenders that are drawn, each with its colour. */
const drawn = {
  dense: '#1f2933',
  'dense x2': '#7b8794',
  'top-2': '#76b7e0',
  'shared expert': '#59a14f',
  ScMoE: '#d62839',
  'dense, PyTorch': '#f2a33a',
};

/** Validation loss over the training time of `npm run bench -- seconds`, a line for each run; undefined without its runs. */
export function secondsPlot() {
  if (!existsSync(runsFile)) return undefined;
  const runs = readFileSync(runsFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ curve }) => curve !== undefined);
  // The first point is that of an untrained model, which would flatten all others.
  const values = runs.flatMap(({ variant, seed, curve, setup }) =>
    curve.slice(1).map(({ seconds, loss }) => ({ variant, seed, seconds, loss, size: sizeOf(setup) })),
  );
  return {
    ...look,
    title: 'Validation loss over equal training time, a line for each seed',
    data: { values },
    width: 400,
    height: 320,
    mark: { type: 'line', strokeWidth: 1.5 },
    resolve: { scale: { x: 'independent', y: 'independent' } },
    encoding: {
      column: { field: 'size', title: null, header: { labelFontSize: 12, labelFontWeight: 'bold' } },
      x: { field: 'seconds', type: 'quantitative', title: 'seconds of training steps' },
      y: { field: 'loss', type: 'quantitative', title: 'nats per byte', scale: { zero: false } },
      detail: { field: 'seed' },
      color: {
        field: 'variant',
        type: 'nominal',
        title: null,
        scale: { domain: Object.keys(drawn), range: Object.values(drawn) },
        legend: { orient: 'bottom', symbolType: 'stroke', symbolStrokeWidth: 3, labelFontSize: 12, columnPadding: 16 },
      },
    },
  };
}

/** What the runs of a comparison have alike, in words. */
function sizeOf(setup) {
  const { dModel, numLayers, precision } = JSON.parse(setup);
  return `width ${dModel}, ${numLayers} blocks, ${precision}`;
}
