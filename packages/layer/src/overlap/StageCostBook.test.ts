import { CostModel, stageGraph, uncut, type ChunkCut } from '@scmoe/scheduler';

import type { PlannedStage } from './PlannedStage.js';
import { StageCostBook } from './StageCostBook.js';
import type { StepEvent } from './StepRecorder.js';

const graph = stageGraph('pos2');
const numParts = { chunks: 2, expertChunks: 1, halves: 2 };
const both = (cut: ChunkCut) => ({ forward: cut, backward: cut });
const jointGate = true;

/** A step in which every operator took so many ms, under each of these names of it. */
function step(msOf: (name: string) => number, partsOf: (name: string) => readonly string[]): StepEvent[] {
  return (['forward', 'backward'] as const).flatMap((phase) =>
    graph.operators.flatMap(({ name }) => {
      const parts = partsOf(name);
      return parts.flatMap((operator): StepEvent[] => {
        const [beginMs, endMs] = [0, msOf(name) / parts.length];
        if (!graph.isExchange(name)) return [{ stage: 0, phase, step: { action: 'run', operator }, beginMs, endMs }];
        // Data that moved, and no time of JavaScript.
        const transfer = { beginMs, endMs };
        return [{ stage: 0, phase, step: { action: 'start', operator }, beginMs, endMs: beginMs, transfer }];
      });
    }),
  );
}

const whole = (name: string) => (['dispatch', 'expert'].includes(name) ? 10 : 2);
const halved = (name: string) => (['dispatch', 'expert'].includes(name) ? 7 : 2.5);
const asObject = (msOf: (name: string) => number) => Object.fromEntries(graph.names.map((name) => [name, msOf(name)]));

describe('StageCostBook', () => {
  const costs = new CostModel({ warmupSteps: 0 });
  const key = { machine: 'test', shape: 'test' };
  const bookOf = () => new StageCostBook({ costs, key, context: {}, world: undefined });

  it('keeps what halves took beside what the whole did, which may be more or less', async () => {
    const stage: PlannedStage & { graph: typeof graph } = { graph, jointGate };
    const book = bookOf();
    const first = await book.measured([[0, stage]], [step(whole, (name) => [name])], () => both(uncut));
    expect(first.get(0)).toEqual({ forward: asObject(whole), backward: asObject(whole), inHalves: undefined });
    const inHalves = (name: string) => (name === 'gate' ? [name] : [`${name}@0`, `${name}@1`]);
    const second = await book.measured([[0, stage]], [step(halved, inHalves)], () => both({ ...uncut, halves: 2 }));
    const { forward, inHalves: found } = second.get(0)!;
    expect(forward).toEqual(asObject(whole));
    expect(found).toEqual({ forward: asObject(halved), backward: asObject(halved) });
  });

  it('knows both of an earlier run', () => {
    const stage = { graph };
    const known = bookOf()
      .known([[0, stage]])!
      .get(0)!;
    expect(known.forward).toEqual(asObject(whole));
    expect(known.inHalves!.backward).toEqual(asObject(halved));
  });

  it('learns what a part costs from the pass that had parts', async () => {
    const stage: PlannedStage & { graph: typeof graph } = { graph };
    const book = bookOf();
    await book.measured([[0, stage]], [step(whole, (name) => [name])], () => both(uncut));
    const inParts = { forward: uncut, backward: { ...uncut, expertChunks: 4 } };
    const longer = step(
      (name) => whole(name) + (['expert', 'dispatch', 'combine'].includes(name) ? 8 : 0),
      (name) => [name],
    );
    const steps = step(whole, (name) => [name]).map((event, i) => (event.phase === 'backward' ? longer[i]! : event));
    const found = await book.measured([[0, stage]], [steps], () => inParts);
    expect(found.get(0)).toMatchObject({ forward: asObject(whole), backward: asObject(whole) });
    const learned = { computeMs: 8 / 4, communicationMs: 16 / 8 };
    expect(stage.overhead).toEqual(learned);
    // Each pass by itself, where both have parts: gradients of weights are added up in one of them alone.
    await book.measured([[0, stage]], [steps], () => both({ ...uncut, expertChunks: 4 }));
    expect(stage.overhead).toEqual({ computeMs: 0, communicationMs: 0, backward: learned });
  });

  it('takes off what chunks of halves cost besides', async () => {
    const stage: PlannedStage & { graph: typeof graph } = {
      ...{ graph, jointGate, overhead: { computeMs: 0.5, communicationMs: 0.25 } },
    };
    const partsOf = (name: string) => {
      const halves = name === 'gate' ? [name] : [`${name}@0`, `${name}@1`];
      return ['dispatch', 'expert', 'combine'].includes(name)
        ? halves.flatMap((half) => [half.replace('@', '#0@'), half.replace('@', '#1@')])
        : halves;
    };
    const found = await bookOf().measured([[0, stage]], [step(halved, partsOf)], () => both(numParts));
    const { forward } = found.get(0)!.inHalves!;
    // Four parts each.
    expect(forward).toMatchObject({ mlp1: 2.5, gate: 2.5, expert: 7 - 4 * 0.5, dispatch: 7 - 4 * 0.25 });
    expect(stage.overheadInHalves).toBeUndefined();
    // Nothing, where halves in one part took as long.
    stage.inHalves = { forward: asObject(halved), backward: asObject(halved) };
    const again = await bookOf().measured([[0, stage]], [step(halved, partsOf)], () => both(numParts));
    expect(again.get(0)!.inHalves).toEqual(stage.inHalves);
    const nothing = { computeMs: 0, communicationMs: 0 };
    expect(stage.overheadInHalves).toEqual({ ...nothing, backward: nothing });
  });
});
