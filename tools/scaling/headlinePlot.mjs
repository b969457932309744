import { existsSync, readFileSync } from 'node:fs';

import { look } from './style.mjs';

const linesFile = new URL('../../docs/overlap/headline.jsonl', import.meta.url);

/** Speed-ups of a block pair as `npm run bench:overlap` measured them, each beside its bound; undefined without its lines. */
export function headlinePlot() {
  if (!existsSync(linesFile)) return undefined;
  const rows = readFileSync(linesFile, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter(({ level, schedule }) => level === 'pair' && schedule !== 'sequential');
  const values = rows.map(({ share, mode, contender, speedup, boundSpeedup, hidden }) => ({
    share: `share ${Math.round(100 * share)} %`,
    mode: mode === 'train' ? 'training' : 'inference',
    contender,
    speedup,
    bound: boundSpeedup,
    hidden: isResolved(hidden) ? `hidden ${hidden.hidden.toFixed(2)} ± ${hidden.error.toFixed(2)}` : '',
  }));
  const contenders = [...new Set(values.map(({ contender }) => contender))];
  const y = { field: 'contender', type: 'nominal', title: null, sort: contenders, axis: { labelLimit: 0 } };
  const x = (field) => ({
    field,
    type: 'quantitative',
    title: 'speed-up against top-2 run sequentially',
    scale: { zero: true },
  });
  return {
    ...look,
    title: 'A block pair on two ranks: measured speed-up (dot), what no schedule of the layer passes (line)',
    data: { values },
    facet: {
      column: { field: 'mode', type: 'nominal', title: null, sort: ['training', 'inference'] },
      row: { field: 'share', type: 'nominal', title: null, sort: 'descending' },
    },
    resolve: { scale: { x: 'independent' } },
    spec: {
      width: 420,
      height: { step: 22 },
      layer: [
        {
          mark: { type: 'tick', thickness: 2, color: '#7b8794' },
          encoding: { x: x('bound'), y },
        },
        {
          mark: { type: 'point', filled: true, size: 70, opacity: 1, color: '#d62839' },
          encoding: { x: x('speedup'), y },
        },
        {
          mark: { type: 'text', align: 'right', dx: -9, fontSize: 10, color: '#52606d' },
          encoding: { x: x('speedup'), y, text: { field: 'hidden' } },
        },
      ],
    },
  };
}

/** Whether a share was measured, and not within noise alone. */
function isResolved(hidden) {
  return typeof hidden?.hidden === 'number' && typeof hidden.error === 'number' && hidden.error < 0.5;
}
