import { stageGraph } from '../graph/stageGraphs.js';
import { randomCosts, seededRandom } from '../testing/randomCosts.js';
import { agreeOnPlans } from './agreeOnPlans.js';
import { choosePlans } from './choosePlans.js';

const graph = stageGraph('pos2');

/** What ranks that call `broadcast` together get: the text of rank 0, later than anybody's call. */
function fakeRanks(numRanks: number) {
  let fromRank0: (text: string) => void;
  const shared = new Promise<string>((resolve) => (fromRank0 = resolve));
  return Array.from({ length: numRanks }, (_, rank) => (text: string) => {
    if (rank === 0) setTimeout(() => fromRank0(text), 1);
    return shared;
  });
}

describe('agreeOnPlans', () => {
  it('forces ranks whose own times would give other plans to those of rank 0', async () => {
    const random = seededRandom(5);
    const costs = () => ({ forward: randomCosts(graph, random), backward: randomCosts(graph, random) });
    let disagreements = 0;
    for (let trial = 0; trial < 20; trial++) {
      const own = Array.from({ length: 3 }, () => [choosePlans(graph, costs())]);
      disagreements += new Set(own.map(([plans]) => plans!.training?.slot)).size > 1 ? 1 : 0;
      const broadcasts = fakeRanks(3);
      const agreed = await Promise.all(own.map((plans, rank) => agreeOnPlans([graph], plans, broadcasts[rank]!)));
      for (const plans of agreed) expect(plans).toEqual(own[0]);
    }
    // Otherwise the test would show nothing.
    expect(disagreements).toBeGreaterThan(5);
  });

  it('chooses nothing where rank 0 has nothing to choose by', async () => {
    const own = [
      {
        training: { slot: 1, chunks: 1, expertChunks: 2, halves: 1 },
        inference: null,
        predictedMs: 1,
        sequentialMs: 2,
      },
    ];
    expect(await agreeOnPlans([graph], own, () => 'null')).toBeUndefined();
    expect(await agreeOnPlans([graph], undefined, () => JSON.stringify(own))).toEqual(own);
  });

  const plan = { slot: 0, chunks: 1, expertChunks: 1, halves: 1 };
  const plans = { training: plan, inference: null, predictedMs: 1, sequentialMs: 2 };
  it.each<[string, unknown]>([
    ['other stages', []],
    ['a slot that the stage does not have', [{ ...plans, training: { ...plan, slot: graph.numSlots } }]],
    ['half a slot', [{ ...plans, inference: { ...plan, slot: 0.5 } }]],
    ['no chunk', [{ ...plans, training: { ...plan, expertChunks: 0 } }]],
    ['a bare slot', [{ ...plans, training: 1 }]],
    ['no times', [{ training: plan, inference: null }]],
    ['something else', 'slots'],
  ])('does not take from rank 0 %s', async (_, sent) => {
    await expect(agreeOnPlans([graph], undefined, () => JSON.stringify(sent))).rejects.toThrow(
      'plans of rank 0: expected those of 1 stages, as they are on this rank',
    );
  });
});
