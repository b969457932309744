import { compareContenders } from './compareContenders.js';
import type { RunKind } from './pairCosts.js';
import { shareMachine } from './shareMachine.js';

const predicted = (communicationShare: number, kind: RunKind) => {
  const rows = compareContenders(shareMachine({ communicationShare }), kind);
  return (name: string) => rows.find(({ contender }) => contender.name === name)!;
};

/** Speed-ups against un-pipelined top-2 as the paper reports them, training and inference. */
describe.each<[string, number, [name: string, train: number, infer: number][]]>([
  [
    // Two default times of shareMachine were fitted to these and to NVLink's.
    'eight A30 over PCIe',
    0.6,
    [
      ['shared expert', 1.24, 1.35],
      ['ScMoE pos1', 1.36, 1.54],
      ['ScMoE pos2', 1.43, 1.66],
      ['ScMoE pos3', 1.49, 1.82],
    ],
  ],
  ['eight A800 over NVLink', 0.15, [['ScMoE pos2', 1.12, 1.17]]],
  ['LLaMA2-MoE on eight A800', 0.15, [['ScMoE pos1', 1.14, 1.21]]],
])('from its communication share alone, %s', (machine, share, figures) => {
  // The error that docs/scaling.md states: 5% on the machines of the fit, 7% on LLaMA2-MoE, which was not in it.
  const tolerance = machine.startsWith('LLaMA') ? 0.07 : 0.051;

  it.each(figures)('%s: %d in training, %d at inference', (name, train, infer) => {
    for (const [kind, reported] of [
      ['train', train],
      ['infer', infer],
    ] as const) {
      expect(Math.abs(predicted(share, kind)(name).speedup / reported - 1)).toBeLessThan(tolerance);
    }
  });
});

describe('the hidden fraction of ScMoE pos2, mean of training and inference', () => {
  it.each([
    ['eight A30 over PCIe', 0.6, 0.7],
    ['two nodes', 0.5, 1],
    ['eight A800 over NVLink', 0.15, 1],
  ])('on %s is within 11 points of the paper', (_, share, reported) => {
    const [train, infer] = [predicted(share, 'train'), predicted(share, 'infer')];
    const mean = (train('ScMoE pos2').hiddenFraction + infer('ScMoE pos2').hiddenFraction) / 2;
    expect(Math.abs(mean - reported)).toBeLessThan(0.11);
  });
});
