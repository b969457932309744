import type { OperatorGraph } from '../graph/OperatorGraph.js';
import { run, start, wait, type Plan } from './Plan.js';

/** Every operator after the other, each exchange waited for at once: the reference of all plans. */
export function sequentialPlan(graph: OperatorGraph): Plan {
  return graph.names.flatMap((name) => (graph.isExchange(name) ? [start(name), wait(name)] : [run(name)]));
}
