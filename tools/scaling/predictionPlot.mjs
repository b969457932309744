import { existsSync, readFileSync } from 'node:fs';

import { look } from './style.mjs';

const layers = {
  top2: '#7b8794',
  shared: '#59a14f',
  pos1: '#76b7e0',
  pos2: '#d62839',
  pos3: '#f2a33a',
  farskip: '#e377c2',
};
const plans = { sequential: 'circle', overlapped: 'triangle-up', chunked: 'square', split: 'diamond' };

/**
 * How far predictions of steps of so many ranks were off, by layer and kind of plan; undefined without their lines.
 *
 * @param ranks their number in a word, as in the name of the file
 */
export function predictionPlot(ranks) {
  const linesFile = new URL(`../../docs/overlap/${ranks}-ranks.jsonl`, import.meta.url);
  if (!existsSync(linesFile)) return undefined;
  const values = readFileSync(linesFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .map(({ share, mode, layer, schedule, stepMs, predictedMs }) => ({
      share: `share ${Math.round(100 * share)} %`,
      mode: mode === 'train' ? 'training' : 'inference',
      layer,
      plan: schedule === 'pipelined' ? 'chunked' : schedule,
      stepMs,
      off: predictedMs / stepMs - 1,
    }));
  const legend = { orient: 'bottom', labelFontSize: 12, columnPadding: 8 };
  const rule = (off, strokeDash) => ({
    data: { values: [{ off }] },
    mark: { type: 'rule', color: '#9aa5b1', strokeDash },
    encoding: { y: { field: 'off', type: 'quantitative' } },
  });
  return {
    ...look,
    title: `${ranks[0].toUpperCase()}${ranks.slice(1)} ranks: predicted step against the measured one (dashed: a tenth)`,
    data: { values },
    facet: {
      column: { field: 'share', type: 'nominal', title: null, sort: 'descending' },
      row: { field: 'mode', type: 'nominal', title: null, sort: ['training', 'inference'] },
    },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 270,
      height: 200,
      layer: [
        rule(0.1, [4, 4]),
        rule(0, []),
        rule(-0.1, [4, 4]),
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 0.9 },
          encoding: {
            x: { field: 'stepMs', type: 'quantitative', title: 'measured step, ms', scale: { zero: false } },
            y: {
              field: 'off',
              type: 'quantitative',
              title: 'predicted / measured - 1',
              scale: { domain: [-0.2, 0.3] },
              axis: { format: '+.0%' },
            },
            color: {
              field: 'layer',
              type: 'nominal',
              title: null,
              scale: { domain: Object.keys(layers), range: Object.values(layers) },
              legend,
            },
            shape: {
              field: 'plan',
              type: 'nominal',
              title: null,
              scale: { domain: Object.keys(plans), range: Object.values(plans) },
              legend,
            },
          },
        },
      ],
    },
  };
}
