import type { Cluster } from './Cluster.js';
import type { ModelShape } from './ModelShape.js';

/**
 * Clusters to start from. Rates are what such machines commonly reach, rounded, not measurements: whoever wants numbers
 * for a cluster of their own measures an all-to-all and a product there.
 */
export const clusterPresets: Readonly<Record<string, Cluster>> = {
  /** 8 cards without NVLink behind PCIe 4, all-to-all through host memory; 100 Gbit/s a node. */
  pcie: {
    ranksPerNode: 8,
    intraNode: { alphaUs: 15, betaGBs: 6 },
    interNode: { alphaUs: 25, betaGBs: 1.4 },
    teraflops: 70,
    memoryGBs: 800,
  },
  /** 8 cards with NVLink; 400 Gbit/s InfiniBand for each card. */
  nvlink: {
    ranksPerNode: 8,
    intraNode: { alphaUs: 8, betaGBs: 200 },
    interNode: { alphaUs: 15, betaGBs: 40 },
    teraflops: 400,
    memoryGBs: 2500,
  },
  /** 8 cards with NVLink; 200 Gbit/s Ethernet for the node, shared by its cards. */
  ethernet: {
    ranksPerNode: 8,
    intraNode: { alphaUs: 8, betaGBs: 200 },
    interNode: { alphaUs: 40, betaGBs: 2.8 },
    teraflops: 400,
    memoryGBs: 2500,
  },
  /** CPU servers, a rank on each, 10 Gbit/s. */
  cpu: {
    ranksPerNode: 1,
    intraNode: { alphaUs: 20, betaGBs: 8 },
    interNode: { alphaUs: 60, betaGBs: 1.1 },
    teraflops: 2,
    memoryGBs: 150,
  },
};

/** Models to predict, by name. */
export const modelPresets: Readonly<Record<string, ModelShape>> = {
  'gpt2-medium': {
    pairs: 12,
    dModel: 1024,
    ffnHidden: 4096,
    sequenceLength: 1024,
    tokensPerRank: 8192,
    expertsPerRank: 1,
    vocabularySize: 50257,
  },
  'llama2-7b': {
    pairs: 16,
    dModel: 4096,
    ffnHidden: 11008,
    matricesPerMlp: 3,
    sequenceLength: 4096,
    tokensPerRank: 8192,
    expertsPerRank: 1,
    vocabularySize: 32000,
    tiedEmbeddings: false,
  },
};
