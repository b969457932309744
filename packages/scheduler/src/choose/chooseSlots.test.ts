import { stageGraph } from '../graph/stageGraphs.js';

import { chooseSlots } from './chooseSlots.js';

const graph = stageGraph('pos2');
const times = (change: Record<string, number> = {}) => ({
  ...Object.fromEntries(graph.names.map((name) => [name, 1])),
  ...change,
});

describe('chooseSlots', () => {
  it('takes the slot in which both ways are hidden', () => {
    // mlp1 covers the way out, attention2 and sharedExpert the way back.
    const costs = times({ mlp1: 4, attention2: 2, sharedExpert: 2, dispatch: 4, combine: 4 });
    const slots = chooseSlots(graph, { forward: costs, backward: costs });
    expect(slots).toMatchObject({ training: 1, inference: 1 });
    expect(slots.sequentialMs - slots.predictedMs).toBeCloseTo(2 * 8);
  });

  it('has one slot for forward and backward pass, and another for inference where that is better', () => {
    const forward = times({ mlp1: 1, attention2: 3, sharedExpert: 3, dispatch: 4, combine: 2 });
    const backward = times({ mlp1: 60, attention2: 10, sharedExpert: 10, dispatch: 40, combine: 20 });
    expect(chooseSlots(graph, { forward, backward })).toMatchObject({ training: 1, inference: 2 });
  });

  it('stays sequential where nothing travels', () => {
    const costs = times({ dispatch: 0, combine: 0 });
    expect(chooseSlots(graph, { forward: costs, backward: costs })).toMatchObject({ training: null, inference: null });
  });

  it('keeps the slot in use unless another is clearly better', () => {
    const nearly = times({ mlp1: 4, attention2: 4, sharedExpert: 3.9, dispatch: 4, combine: 4 });
    const current = { training: 2, inference: 2, predictedMs: 0, sequentialMs: 0 };
    expect(chooseSlots(graph, { forward: nearly, backward: nearly }, current)).toMatchObject({
      training: 2,
      inference: 2,
    });
    const clearly = times({ mlp1: 4, attention2: 2, sharedExpert: 2, dispatch: 4, combine: 4 });
    expect(chooseSlots(graph, { forward: clearly, backward: clearly }, current)).toMatchObject({ training: 1 });
  });
});
