import { clusterMachine, clusterPresets, compareContenders, modelPresets } from '@scmoe/scheduler';

import { colour, drawn, look } from './style.mjs';

const clusters = {
  pcie: 'PCIe, 100 Gbit/s a node',
  ethernet: 'NVLink, 200 Gbit/s a node',
  nvlink: 'NVLink, 400 Gbit/s a card',
  ethernet25: 'a card a node, 25 Gbit/s Ethernet',
};
const machines = {
  ...clusterPresets,
  ethernet25: { ...clusterPresets.pcie, ranksPerNode: 1, interNode: { alphaUs: 40, betaGBs: 2.8 } },
};
const ranks = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];
const model = modelPresets['llama2-7b'];

/** Speed-up and hidden fraction against the number of ranks, on four clusters. */
export function ranksPlot() {
  const values = Object.entries(clusters).flatMap(([name, cluster]) =>
    ranks.flatMap((number) =>
      compareContenders(clusterMachine(model, machines[name], number), 'train', {
        maxChunks: 4,
        numTokens: model.tokensPerRank,
      })
        .filter(({ contender }) => contender.name in drawn)
        .map(({ contender, speedup, hiddenFraction, stepMs }) => ({
          cluster,
          ranks: number,
          contender: contender.name,
          speedup,
          hiddenFraction: contender.mode === 'sequential' ? null : hiddenFraction,
          stepMs,
        })),
    ),
  );
  const row = (field, title, format, zero) => ({
    facet: { column: { field: 'cluster', type: 'nominal', title: null, sort: Object.values(clusters) } },
    spec: {
      width: 290,
      height: 230,
      mark: { type: 'line', strokeWidth: 2, point: { size: 22 } },
      encoding: {
        x: {
          field: 'ranks',
          type: 'quantitative',
          title: 'ranks',
          scale: { type: 'log', base: 2, domain: [2, 4096] },
          axis: { values: [2, 8, 32, 128, 512, 2048], format: ',d' },
        },
        y: { field, type: 'quantitative', title, axis: { format }, scale: { zero } },
        color: colour,
      },
    },
  });
  return {
    ...look,
    title: 'LLaMA2-7B-sized pairs in training, 8,192 tokens and one expert of each layer a rank (predicted)',
    data: { values },
    vconcat: [
      row('speedup', 'speed-up against top-2', '.1f', false),
      row('hiddenFraction', 'hidden fraction H', '%', true),
    ],
  };
}
