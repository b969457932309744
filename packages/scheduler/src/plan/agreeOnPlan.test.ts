import { planOverlap } from '../choose/planOverlap.js';
import { layerGraph } from '../graph/layerGraphs.js';
import { costsOf, randomCosts, seededRandom } from '../testing/randomCosts.js';
import { agreeOnPlan } from './agreeOnPlan.js';
import { collectiveOrder } from './Plan.js';
import { readPlan, writePlan } from './planText.js';
import { sequentialPlan } from './sequentialPlan.js';

const graph = layerGraph('pos2');

/** What ranks that call `broadcast` together get: the text of rank 0, later than anybody's call. */
function fakeRanks(numRanks: number) {
  let fromRank0: (text: string) => void;
  const shared = new Promise<string>((resolve) => (fromRank0 = resolve));
  return Array.from({ length: numRanks }, (_, rank) => (text: string) => {
    if (rank === 0) setTimeout(() => fromRank0(text), 1);
    return shared;
  });
}

describe('agreeOnPlan', () => {
  it('forces ranks whose own times would give other orders of collectives to one plan', async () => {
    const random = seededRandom(5);
    let disagreements = 0;
    for (let trial = 0; trial < 20; trial++) {
      const own = Array.from(
        { length: 3 },
        () => planOverlap(graph, { forward: randomCosts(graph, random) }).forward.plan,
      );
      disagreements += new Set(own.map((plan) => collectiveOrder(plan).join())).size > 1 ? 1 : 0;
      const broadcasts = fakeRanks(3);
      const agreed = await Promise.all(own.map((plan, rank) => agreeOnPlan(plan, broadcasts[rank]!)));
      for (const plan of agreed) expect(plan).toEqual(own[0]);
    }
    // Otherwise the test would show nothing.
    expect(disagreements).toBeGreaterThan(5);
  });

  it('does not take from rank 0 what is no plan, or one for another layer', async () => {
    const own = sequentialPlan(graph);
    await expect(agreeOnPlan(own, () => 'nonsense')).rejects.toThrow(/not a plan: expected JSON, got 'nonsense'/);
    const other = writePlan(sequentialPlan(layerGraph('longcat')));
    await expect(agreeOnPlan(own, () => other, graph.operators)).rejects.toThrow(/no such operator/);
  });
});

describe('the text of a plan', () => {
  it('gives the plan back, and is the same for equal plans', () => {
    const { plan } = planOverlap(graph, { forward: costsOf(graph, { dispatch: 9, combine: 9 }) }).forward;
    expect(readPlan(writePlan(plan))).toEqual(plan);
    expect(writePlan(readPlan(writePlan(plan)))).toBe(writePlan(plan));
  });

  it.each([
    ['{"version":2}', /expected version 1, got 2/],
    ['null', /expected version 1, got undefined/],
    ['{"version":1}', /it has no list of steps/],
    [
      '{"version":1,"plan":[["jump","mlp1"]]}',
      /expected steps \[run \| start \| wait, operator\], got \["jump","mlp1"\]/,
    ],
    ['{"version":1,"plan":[7]}', /got 7/],
  ])('rejects %s', (text, message) => {
    expect(() => readPlan(text)).toThrow(message);
  });
});
