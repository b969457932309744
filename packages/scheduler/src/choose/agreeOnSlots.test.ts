import { stageGraph } from '../graph/stageGraphs.js';
import { randomCosts, seededRandom } from '../testing/randomCosts.js';
import { agreeOnSlots } from './agreeOnSlots.js';
import { chooseSlots } from './chooseSlots.js';

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

describe('agreeOnSlots', () => {
  it('forces ranks whose own times would give other slots to those of rank 0', async () => {
    const random = seededRandom(5);
    const costs = () => ({ forward: randomCosts(graph, random), backward: randomCosts(graph, random) });
    let disagreements = 0;
    for (let trial = 0; trial < 20; trial++) {
      const own = Array.from({ length: 3 }, () => [chooseSlots(graph, costs())]);
      disagreements += new Set(own.map(([slots]) => slots!.training)).size > 1 ? 1 : 0;
      const broadcasts = fakeRanks(3);
      const agreed = await Promise.all(own.map((slots, rank) => agreeOnSlots([graph], slots, broadcasts[rank]!)));
      for (const slots of agreed) expect(slots).toEqual(own[0]);
    }
    // Otherwise the test would show nothing.
    expect(disagreements).toBeGreaterThan(5);
  });

  it('chooses nothing where rank 0 has nothing to choose by', async () => {
    const own = [{ training: 1, inference: null, predictedMs: 1, sequentialMs: 2 }];
    expect(await agreeOnSlots([graph], own, () => 'null')).toBeUndefined();
    expect(await agreeOnSlots([graph], undefined, () => JSON.stringify(own))).toEqual(own);
  });

  const slots = { training: 0, inference: null, predictedMs: 1, sequentialMs: 2 };
  it.each<[string, unknown]>([
    ['other stages', []],
    ['a slot that the stage does not have', [{ ...slots, training: graph.numSlots }]],
    ['half a slot', [{ ...slots, inference: 0.5 }]],
    ['no times', [{ training: 0, inference: null }]],
    ['something else', 'slots'],
  ])('does not take from rank 0 %s', async (_, sent) => {
    await expect(agreeOnSlots([graph], undefined, () => JSON.stringify(sent))).rejects.toThrow(
      'slots of rank 0: expected those of 1 stages, as they are on this rank',
    );
  });
});
