/** Speed-ups that the paper (arXiv 2404.05019) reports, against un-pipelined top-2 on the same hardware. */
export const speedups = [
  { machine: 'PCIe', share: 0.6, contender: 'shared expert', train: 1.24, infer: 1.35 },
  { machine: 'PCIe', share: 0.6, contender: 'ScMoE pos1', train: 1.36, infer: 1.54 },
  { machine: 'PCIe', share: 0.6, contender: 'ScMoE pos2', train: 1.43, infer: 1.66 },
  { machine: 'PCIe', share: 0.6, contender: 'ScMoE pos3', train: 1.49, infer: 1.82 },
  { machine: 'NVLink', share: 0.15, contender: 'ScMoE pos2', train: 1.12, infer: 1.17 },
];

/** Hidden fractions of ScMoE pos2. */
export const hiddenFractions = [
  { machine: 'PCIe', share: 0.6, hidden: 0.7 },
  { machine: 'two nodes', share: 0.5, hidden: 1 },
  { machine: 'NVLink', share: 0.15, hidden: 1 },
];
