import {
  chunkCosts,
  drawTimeline,
  stageGraph,
  planOverlap,
  sequentialPlan,
  shareMachine,
  simulatePlan,
} from '@scmoe/scheduler';

const machine = shareMachine({ communicationShare: 0.6 });

/** The forward pass of a pair at a communication share of 60%: top-2, shared expert, ScMoE. */
export function predictedTimelines() {
  return drawTimeline([
    sequential('top-2', 'standard', 2),
    sequential('shared expert', 'shared', 1),
    overlapped('ScMoE pos2', 'pos2'),
    overlapped('ScMoE pos3', 'pos3'),
  ]);
}

function sequential(title, layer, topK) {
  const plan = sequentialPlan(stageGraph(layer).operators);
  return { title, spans: simulatePlan(plan, machine.costs(layer, topK, 'forward')).spans };
}

function overlapped(title, layer) {
  const graph = stageGraph(layer);
  const costs = machine.costs(layer, 1, 'forward');
  const { plan, slot, chunks } = planOverlap(graph, { forward: costs }, { maxChunks: 1 }).forward;
  const { spans } = simulatePlan(plan, chunkCosts(graph, costs, { chunks, overhead: machine.chunkOverhead }));
  return { title: `${title}, slot ${slot}`, spans };
}
