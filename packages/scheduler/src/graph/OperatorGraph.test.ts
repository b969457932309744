import { graphOf } from './graphOf.js';
import { stageGraph, stageKinds, type StageKind } from './stageGraphs.js';
import { OperatorGraph } from './OperatorGraph.js';
import type { OperatorKind, OperatorNode } from './OperatorNode.js';

const node = (name: string, after: string[] = [], kind = name as OperatorKind): OperatorNode => ({ name, kind, after });

describe('slots follow from the dependencies', () => {
  it.each<[StageKind, string[]]>([
    ['standard', []],
    ['shared', ['sharedExpert']],
    ['pos1', ['attention2', 'sharedExpert']],
    ['pos2', ['mlp1', 'attention2', 'sharedExpert']],
    ['pos3', ['attention1', 'mlp1', 'attention2', 'sharedExpert']],
    ['everyBlock', ['attention', 'sharedExpert']],
    ['longcat', ['mlp1', 'attention2', 'mlp2']],
  ])('%s', (kind, window) => {
    const graph = stageGraph(kind);
    expect(graph.window.map(({ name }) => name)).toEqual(window);
    expect(graph.numSlots).toBe(window.length + 1);
  });

  it('for operators that only say which values they read and write', () => {
    const operators = [
      { name: 'attention1', kind: 'attention', inputs: ['x'], outputs: ['a'] },
      { name: 'gate', kind: 'gate', inputs: ['a'], outputs: ['s', 'routing'] },
      { name: 'encode', kind: 'encode', inputs: ['s', 'routing'], outputs: ['packed'] },
      { name: 'dispatch', kind: 'dispatch', inputs: ['packed'], outputs: ['batch'] },
      { name: 'expert', kind: 'expert', inputs: ['batch'], outputs: ['rows'] },
      { name: 'combine', kind: 'combine', inputs: ['rows'], outputs: ['back'] },
      { name: 'mlp1', kind: 'mlp', inputs: ['a'], outputs: ['b'] },
      { name: 'decode', kind: 'decode', inputs: ['back', 'routing'], outputs: ['routed'] },
      { name: 'output', kind: 'output', inputs: ['b', 'routed'], outputs: ['y'] },
    ] as const;
    const graph = graphOf(operators);
    expect(graph.window.map(({ name }) => name)).toEqual(['mlp1']);
    expect(graph.get('decode').after).toEqual(['combine', 'gate']);
    expect(() => graphOf([...operators, { ...operators[0], name: 'attention2' }])).toThrow(
      /'attention1' and 'attention2' both write the value 'a'/,
    );
  });

  it('and not from the order in which operators are listed', () => {
    const listed = stageGraph('pos2').operators;
    const graph = new OperatorGraph([...listed].reverse());
    expect(graph.window.map(({ name }) => name)).toEqual(['mlp1', 'attention2', 'sharedExpert']);
  });
});

describe('a graph', () => {
  it('without experts has no window and one slot', () => {
    const dense = new OperatorGraph([node('attention'), node('mlp', ['attention'])]);
    expect(dense.routed).toBeUndefined();
    expect(dense.numSlots).toBe(1);
  });

  it('of no operators is a graph', () => {
    expect(new OperatorGraph([]).names).toEqual([]);
  });

  it.each<[string, OperatorNode[], RegExp]>([
    [
      'a cycle, by its path',
      [node('output'), node('gate', ['mlp']), node('mlp', ['attention']), node('attention', ['gate'])],
      /in a circle: gate -> mlp -> attention -> gate$/,
    ],
    ['an operator that waits for itself', [node('mlp', ['mlp'])], /in a circle: mlp -> mlp$/],
    ['a name used twice', [node('mlp'), node('mlp')], /two operators are named 'mlp'/],
    ['an unknown dependency', [node('mlp', ['attn'])], /'mlp' comes after 'attn', which is not there; there are mlp/],
    ['an unknown kind', [node('x', [], 'conv' as OperatorKind)], /'x': unknown kind 'conv'; there are gate, encode/],
    [
      'a dispatch without combine',
      stageGraph('standard')
        .operators.filter(({ name }) => name !== 'combine')
        .map((operator) => ({ ...operator, after: operator.after.filter((name) => name !== 'combine') })),
      /of kind 'combine' it has 0/,
    ],
    [
      'an expert that does not wait for its tokens',
      stageGraph('standard').operators.map((operator) =>
        operator.name === 'expert' ? { ...operator, after: ['gate'] } : operator,
      ),
      /'expert' must come after 'dispatch'/,
    ],
    [
      'another operator between dispatch and combine',
      [
        ...stageGraph('standard').operators.map((operator) =>
          operator.name === 'expert' ? { ...operator, after: ['dispatch', 'mlp2'] } : operator,
        ),
        node('mlp2', ['dispatch'], 'mlp'),
      ],
      /only the expert may stand between encode and combine, not mlp2/,
    ],
  ])('rejects %s', (_, nodes, message) => {
    expect(() => new OperatorGraph(nodes)).toThrow(message);
  });

  it('names what it has when asked for what it has not', () => {
    expect(() => stageGraph('everyBlock').get('mlp1')).toThrow(/no operator 'mlp1'; there are gate, encode,/);
    expect(() => stageGraph('pos4' as StageKind)).toThrow(`unknown stage 'pos4'; there are ${stageKinds.join(', ')}`);
  });
});
