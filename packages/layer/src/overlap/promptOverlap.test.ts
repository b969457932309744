import { pairOperators } from '../stages/pair/pairOperators.js';
import { initializePair } from '../stages/pair/pairSpecs.js';
import { resolvePair, type PairConfig } from '../stages/pair/PairConfig.js';
import { promptOverlap } from './promptOverlap.js';

const config: PairConfig = { kind: 'scmoe', position: 'pos2', dModel: 8, numHeads: 2, ffnHidden: 12, numExperts: 4 };
const operators = pairOperators(initializePair(config, { seed: 3 }), resolvePair(config));

/** The steps between the start of the dispatch and the end of the combine. */
function travelling(...[mode, numTokens]: [Parameters<typeof promptOverlap>[0], number]): string[] {
  const plan = promptOverlap(mode).stage(0, { numTokens }).plan(operators);
  const steps = plan.map(({ action, operator }) => (action === 'run' ? operator : `${action} ${operator}`));
  return steps.slice(steps.indexOf('start dispatch'), steps.indexOf('wait combine') + 1);
}

describe('promptOverlap', () => {
  const sequential = ['start dispatch', 'wait dispatch', 'expert', 'start combine', 'wait combine'];

  it('lets half of the backbone run while tokens go to their experts, and half while they come back', () => {
    expect(travelling('middle', 12)).toEqual([
      ...['start dispatch', 'mlp1', 'attention2', 'wait dispatch', 'expert'],
      ...['start combine', 'sharedExpert', 'wait combine'],
    ]);
  });

  it('takes a slot that is named, or none', () => {
    expect(travelling(0, 12).slice(0, 3)).toEqual(['start dispatch', 'wait dispatch', 'expert']);
    expect(travelling('off', 12)).toEqual(sequential);
    expect(() => travelling(9, 12)).toThrow(/slot: expected 0 to 3/);
    expect(() => promptOverlap(-1)).toThrow(/overlap: expected 'middle', 'off' or a slot >= 0, got -1/);
  });

  it('runs one token sequentially', () => {
    expect(travelling('middle', 1)).toEqual(sequential);
  });
});
