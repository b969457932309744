// Fits the constants of shareMachine to the paper's figures: npx nx run @scmoe/scaling:fit
// Attention stays at half an MLP, as its projections (8 d^2) are to the MLP's products (16 d^2).
import { contenders, predictPair, shareMachine } from '@scmoe/scheduler';

import { hiddenFractions, speedups } from './paperFigures.mjs';

const grid = {
  routing: [2, 2.5, 3, 3.5, 4, 4.5, 5],
  update: [0, 4, 6, 7, 8, 9, 10, 12],
};

const kinds = ['train', 'infer'];

for (const [what, figures] of Object.entries({
  'all figures': speedups,
  'without NVLink': speedups.filter(({ machine }) => machine !== 'NVLink'),
})) {
  console.log(what);
  console.table(
    settings()
      .map((setting) => ({ ...setting, ...errors(setting, figures) }))
      .sort((a, b) => a.score - b.score)
      .slice(0, 5),
  );
}

function settings() {
  return grid.routing.flatMap((routing) => grid.update.map((update) => ({ routing, update })));
}

/** Root mean squares in per cent and in points; three points of hidden fraction weigh as one per cent of speed-up. */
function errors(setting, figures) {
  const predict = (share, name, kind) =>
    predictPair(shareMachine({ communicationShare: share, ...setting }), contenderOf(name), kind, { maxChunks: 1 });
  const relative = figures.flatMap(({ share, contender, ...reported }) =>
    kinds.map((kind) => {
      const speedup = predict(share, 'top-2', kind).stepMs / predict(share, contender, kind).stepMs;
      return 100 * (speedup / reported[kind] - 1);
    }),
  );
  const points = hiddenFractions.map(({ share, hidden }) => {
    const [train, infer] = kinds.map((kind) => predict(share, 'ScMoE pos2', kind).hiddenFraction);
    return 100 * ((train + infer) / 2 - hidden);
  });
  const [speedup, hidden] = [rootMeanSquare(relative), rootMeanSquare(points)];
  return { speedup, hidden, worstSpeedup: Math.max(...relative.map(Math.abs)), score: speedup + hidden / 3 };
}

function contenderOf(name) {
  return contenders.find((contender) => contender.name === name);
}

function rootMeanSquare(values) {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
}
