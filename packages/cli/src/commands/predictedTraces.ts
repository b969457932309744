import {
  chunkCosts,
  stageGraph,
  planOverlap,
  sequentialPlan,
  simulatePlan,
  type Machine,
  type Trace,
} from '@scmoe/scheduler';

/** The predicted forward pass of a block pair: standard top-2, and ScMoE with its best plan. */
export function predictedTraces(machine: Machine, maxChunks: number): readonly Trace[] {
  const { chunkOverhead: overhead, interference } = machine;
  const standard = stageGraph('standard');
  const top2 = simulatePlan(sequentialPlan(standard.operators), machine.costs('standard', 2, 'forward'), {
    interference,
  });
  const pos2 = stageGraph('pos2');
  const costs = machine.costs('pos2', 1, 'forward');
  const { plan, chunks, slot } = planOverlap(pos2, { forward: costs }, { maxChunks, overhead, interference }).forward;
  const scmoe = simulatePlan(plan, chunkCosts(pos2, costs, { chunks, overhead }), { interference });
  return [
    { title: 'top-2, predicted', spans: top2.spans },
    { title: `ScMoE pos2 at slot ${slot}, predicted`, spans: scmoe.spans },
  ];
}
