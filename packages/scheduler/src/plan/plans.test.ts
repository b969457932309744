import { chunkNodes } from '../testing/chunkNodes.js';
import { stageGraph, stageKinds } from '../graph/stageGraphs.js';
import { OperatorGraph } from '../graph/OperatorGraph.js';
import { checkPlan } from './checkPlan.js';
import { mirrorPlan } from './mirrorPlan.js';
import { overlappedPlan } from './overlappedPlan.js';
import { collectiveOrder } from '../testing/collectiveOrder.js';
import { run, start, wait, type Plan } from './Plan.js';
import { sequentialPlan } from './sequentialPlan.js';

const pos2 = stageGraph('pos2');
const text = (plan: Plan) =>
  plan.map(({ action, operator }) => (action === 'run' ? operator : `${action} ${operator}`)).join(', ');

describe('plans', () => {
  it('sequential waits for each exchange at once', () => {
    expect(text(sequentialPlan(stageGraph('everyBlock').operators))).toBe(
      'gate, encode, start dispatch, wait dispatch, expert, start combine, wait combine, ' +
        'attention, sharedExpert, decode, output',
    );
  });

  it('overlapped puts the expert at its slot and decodes last', () => {
    expect(text(overlappedPlan(pos2, { slot: 1 }))).toBe(
      'attention1, gate, encode, start dispatch, mlp1, wait dispatch, expert, start combine, ' +
        'attention2, sharedExpert, wait combine, decode, output',
    );
  });

  it('pipelined sends all chunks at once and returns each when its expert is done', () => {
    expect(text(overlappedPlan(stageGraph('standard'), { slot: 0, chunks: 2 }))).toBe(
      'attention1, mlp1, attention2, gate, encode, start dispatch#0, start dispatch#1, ' +
        'wait dispatch#0, expert#0, start combine#0, wait dispatch#1, expert#1, start combine#1, ' +
        'wait combine#0, wait combine#1, decode, output',
    );
  });

  it('sends the parts of both axes in the order that is asked for', () => {
    const plan = overlappedPlan(stageGraph('standard'), { slot: 0, chunks: 2, expertChunks: 2, order: [2, 0, 3, 1] });
    const parts = [2, 0, 3, 1];
    expect(plan.filter(({ operator }) => operator.startsWith('expert')).map(({ operator }) => operator)).toEqual(
      parts.map((part) => `expert#${part}`),
    );
    expect(collectiveOrder(plan)).toEqual([
      ...parts.map((part) => `dispatch#${part}`),
      ...parts.map((part) => `combine#${part}`),
    ]);
    checkPlan(chunkNodes(stageGraph('standard'), 4), plan);
  });

  it('mirrored starts with the gradient of combine and waits last for that of dispatch', () => {
    expect(text(mirrorPlan(overlappedPlan(pos2, { slot: 1 })))).toBe(
      'output, decode, start combine, sharedExpert, attention2, wait combine, expert, start dispatch, ' +
        'mlp1, wait dispatch, encode, gate, attention1',
    );
  });

  it('run every operator once and after what it needs, in every stage, slot and number of chunks', () => {
    for (const kind of stageKinds) {
      const graph = stageGraph(kind);
      checkPlan(graph.operators, sequentialPlan(graph.operators));
      for (const chunks of [1, 2, 3, 7]) {
        const nodes = chunkNodes(graph, chunks);
        const reversed = nodes.map((node) => ({
          ...node,
          after: nodes.filter(({ after }) => after.includes(node.name)).map(({ name }) => name),
        }));
        for (let slot = 0; slot < graph.numSlots; slot++) {
          const plan = overlappedPlan(graph, { slot, chunks });
          checkPlan(nodes, plan);
          checkPlan(reversed, mirrorPlan(plan));
        }
      }
    }
  });

  it('have the order of their collectives in themselves', () => {
    const order = ['dispatch#0', 'dispatch#1', 'combine#0', 'combine#1'];
    for (let slot = 0; slot < pos2.numSlots; slot++) {
      const plan = overlappedPlan(pos2, { slot, chunks: 2 });
      expect(collectiveOrder(plan)).toEqual(order);
      expect(collectiveOrder(mirrorPlan(plan))).toEqual([...order].reverse());
    }
  });

  it.each([
    ['a slot that is not there', { slot: 4 }, /slot: expected 0 to 3 for this graph, got 4/],
    ['half a slot', { slot: 0.5 }, /slot: expected an integer >= 0, got 0.5/],
    ['no chunks', { slot: 0, chunks: 0 }, /chunks: expected a positive integer, got 0/],
    ['chunks without end', { slot: 0, chunks: 1e9 }, /chunks: expected a whole number from 1 to 256, got 1000000000/],
    ['half a chunk of experts', { slot: 0, expertChunks: 1.5 }, /expertChunks: expected a positive integer, got 1.5/],
    ['a part twice', { slot: 0, chunks: 2, order: [1, 1] }, /order: expected each of 0 to 1 once, got 1, 1/],
    [
      'parts that there are not',
      { slot: 0, chunks: 2, order: [1, 2] },
      /order: expected each of 0 to 1 once, got 1, 2/,
    ],
  ])('reject %s', (_, options, message) => {
    expect(() => overlappedPlan(pos2, options)).toThrow(message);
  });

  it('can only be sequential where nothing travels', () => {
    const dense = new OperatorGraph([{ name: 'mlp1', kind: 'mlp', after: [] }]);
    expect(text(sequentialPlan(dense.operators))).toBe('mlp1');
    expect(() => overlappedPlan(dense, { slot: 0 })).toThrow(/nothing to overlap: none of mlp1 is a dispatch/);
  });
});

describe('checkPlan', () => {
  const graph = new OperatorGraph([
    { name: 'mlp1', kind: 'mlp', after: [] },
    ...stageGraph('standard')
      .operators.slice(3)
      .map((node) => ({
        ...node,
        after: node.after.filter((name) => name !== 'attention2'),
      })),
  ]);
  const good = sequentialPlan(graph.operators);
  const at = (i: number, ...steps: Plan) => [...good.slice(0, i), ...steps, ...good.slice(i)];

  it.each<[string, Plan, RegExp]>([
    ['an unknown operator', [run('attention9')], /'run attention9': no such operator; there are mlp1, gate/],
    ['a repetition', at(1, run('mlp1')), /'run mlp1': it already ran/],
    ['an operator before its input', [run('encode')], /'run encode': 'gate' is not complete yet/],
    ['an exchange that is run', at(3, run('dispatch')), /'run dispatch': an exchange is started and waited for/],
    ['a computation that is started', [start('mlp1')], /'start mlp1': a computation is run/],
    ['a wait without start', at(3, wait('dispatch')), /'wait dispatch': it was not started/],
    ['a second start', at(4, start('dispatch')), /'start dispatch': it is already under way/],
    ['an exchange that nobody waits for', good.slice(0, 4), /ends before .* complete: dispatch, expert, combine/],
  ])('finds %s', (_, plan, message) => {
    expect(() => checkPlan(graph.operators, plan)).toThrow(message);
  });
});
