import { compareContenders, shareMachine } from '@scmoe/scheduler';

import { speedups } from './paperFigures.mjs';
import { colour, drawn, look } from './style.mjs';

const reported = speedups.flatMap(({ share, contender, train, infer }) => [
  { share, contender, mode: 'training', speedup: train },
  { share, contender, mode: 'inference', speedup: infer },
]);

/** Predicted speed-up against the communication share; the paper's figures as dots. */
export function sharePlot() {
  const shares = Array.from({ length: 46 }, (_, i) => i / 50);
  const lines = shares.flatMap((share) =>
    ['training', 'inference'].flatMap((mode) =>
      compareContenders(shareMachine({ communicationShare: share }), mode === 'training' ? 'train' : 'infer').map(
        ({ contender, speedup }) => ({ kind: 'predicted', share, mode, contender: contender.name, speedup }),
      ),
    ),
  );
  const values = [...lines, ...reported.map((point) => ({ kind: 'reported', ...point }))];
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'communication share of the top-2 MoE, sequential',
    axis: { format: '%', values: [0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9] },
  };
  const y = {
    field: 'speedup',
    type: 'quantitative',
    title: 'speed-up',
    scale: { zero: false },
    axis: { format: '.1f' },
  };
  return {
    ...look,
    title: 'Speed-up against top-2: lines predicted from the share alone, dots reported by the paper',
    data: { values: values.filter(({ contender }) => contender in drawn) },
    facet: { column: { field: 'mode', type: 'nominal', title: null, sort: ['training', 'inference'] } },
    spec: {
      width: 400,
      height: 300,
      layer: [
        {
          transform: [{ filter: "datum.kind === 'predicted'" }],
          mark: { type: 'line', strokeWidth: 2 },
          encoding: { x, y, color: colour },
        },
        {
          transform: [{ filter: "datum.kind === 'reported'" }],
          mark: { type: 'point', filled: true, size: 70, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
          encoding: { x, y, color: colour },
        },
      ],
    },
  };
}
