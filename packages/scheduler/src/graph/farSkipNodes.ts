import type { OperatorNode } from './OperatorNode.js';

/**
 * A stage in FarSkip connectivity, behind another one: the attention reads what is there, and `join` waits for what the experts of
 * the stage before have routed. A pair has a dense block first, whose MLP waits as well; `every` is a block by itself.
 */
export function farSkipNodes(form: 'pair' | 'every'): readonly OperatorNode[] {
  const isPair = form === 'pair';
  const [attention, join] = isPair ? ['attention2', 'join2'] : ['attention', 'join'];
  const first: OperatorNode[] = [
    { name: 'attention1', kind: 'attention', after: [] },
    { name: 'join1', kind: 'join', after: ['attention1'] },
    { name: 'mlp1', kind: 'mlp', after: ['join1'] },
  ];
  const ofAttention: OperatorNode = { name: attention, kind: 'attention', after: isPair ? ['mlp1'] : [] };
  return [
    ...(isPair ? first : [ofAttention]),
    { name: join, kind: 'join', after: isPair ? ['mlp1'] : ['attention'] },
    { name: 'gate', kind: 'gate', after: [join] },
    { name: 'encode', kind: 'encode', after: ['gate'] },
    { name: 'dispatch', kind: 'dispatch', after: ['encode'] },
    { name: 'expert', kind: 'expert', after: ['dispatch'] },
    { name: 'combine', kind: 'combine', after: ['expert'] },
    ...(isPair ? [ofAttention] : []),
    { name: 'sharedExpert', kind: 'sharedExpert', after: [join] },
    { name: 'output', kind: 'output', after: [attention, 'sharedExpert'] },
    { name: 'decode', kind: 'decode', after: ['combine'] },
  ];
}
