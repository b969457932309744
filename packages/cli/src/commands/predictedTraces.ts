import {
  chunkCosts,
  partContext,
  stageGraph,
  planOverlap,
  sequentialPlan,
  simulatePlan,
  type Machine,
  type Trace,
} from '@scmoe/scheduler';

/** The predicted forward pass of a block pair: standard top-2, and ScMoE with its best plan. */
export function predictedTraces(machine: Machine, maxChunks: number): readonly Trace[] {
  const { interference } = machine;
  const standard = stageGraph('standard');
  const top2 = simulatePlan(sequentialPlan(standard.operators), machine.costs('standard', 2, 'forward'), {
    interference,
  });
  const pos2 = stageGraph('pos2');
  const costs = machine.costs('pos2', 1, 'forward');
  const parts = partContext(machine, { stage: 'pos2', topK: 1 }, 'train');
  const { plan, chunks, slot } = planOverlap(pos2, { forward: costs }, { maxChunks, ...parts, interference }).forward;
  const scmoe = simulatePlan(plan, chunkCosts(pos2, costs, { chunks, ...parts }), { interference });
  return [
    { title: 'top-2, predicted', spans: top2.spans },
    { title: `ScMoE pos2 at slot ${slot}, predicted`, spans: scmoe.spans },
  ];
}
