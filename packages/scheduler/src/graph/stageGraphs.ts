import { ArgumentError } from '@scmoe/errors';

import { farSkipNodes } from './farSkipNodes.js';
import { OperatorGraph } from './OperatorGraph.js';
import type { OperatorKind, OperatorNode } from './OperatorNode.js';

/**
 * The kinds of stages that are known by name. `standard` and `shared` are pairs whose gate reads the current activation,
 * after attention2; `pos1`, `pos2`, `pos3` are those with ScMoE's shortcut from b, a and x (paper, figure 4), `everyBlock` is a
 * block that has experts and reads its own input for them, `longcat` the block of LongCat-Flash; `farskip` a pair and
 * `farskipEvery` a block in FarSkip connectivity, behind another of its kind.
 */
export type StageKind =
  'standard' | 'shared' | 'pos1' | 'pos2' | 'pos3' | 'everyBlock' | 'longcat' | 'farskip' | 'farskipEvery';

const pairBackbone = ['attention1', 'mlp1', 'attention2'];

const farSkip = { farskip: 'pair', farskipEvery: 'every' } as const;

/** Backbone in order, and the operator after which tokens can be routed (none: the input of the block). */
const stages: Record<
  Exclude<StageKind, keyof typeof farSkip>,
  { backbone: readonly string[]; routedAfter: string | undefined }
> = {
  standard: { backbone: pairBackbone, routedAfter: 'attention2' },
  shared: { backbone: [...pairBackbone, 'sharedExpert'], routedAfter: 'attention2' },
  pos1: { backbone: [...pairBackbone, 'sharedExpert'], routedAfter: 'mlp1' },
  pos2: { backbone: [...pairBackbone, 'sharedExpert'], routedAfter: 'attention1' },
  pos3: { backbone: [...pairBackbone, 'sharedExpert'], routedAfter: undefined },
  everyBlock: { backbone: ['attention', 'sharedExpert'], routedAfter: undefined },
  longcat: { backbone: ['attention1', 'mlp1', 'attention2', 'mlp2'], routedAfter: 'attention1' },
};

/** Every kind that `stageGraph` knows. */
export const stageKinds = [...Object.keys(stages), ...Object.keys(farSkip)] as readonly StageKind[];

/**
 * The operators of a known stage with their dependencies: those of `@scmoe/layer`, whose tests compare.
 *
 * @throws ArgumentError for an unknown kind
 */
export function stageGraph(kind: StageKind): OperatorGraph {
  if (Object.hasOwn(farSkip, kind)) return new OperatorGraph(farSkipNodes(farSkip[kind as keyof typeof farSkip]));
  const stage = Object.hasOwn(stages, kind) ? stages[kind as keyof typeof stages] : undefined;
  if (!stage) throw new ArgumentError(`unknown stage '${kind}'; there are ${stageKinds.join(', ')}`);
  const { backbone, routedAfter } = stage;
  const chain: OperatorNode[] = backbone.map((name, i) => ({
    name,
    kind: name.replace(/\d$/, '') as OperatorKind,
    after: i > 0 ? [backbone[i - 1]!] : [],
  }));
  const routed: OperatorNode[] = [
    { name: 'gate', kind: 'gate', after: routedAfter === undefined ? [] : [routedAfter] },
    { name: 'encode', kind: 'encode', after: ['gate'] },
    { name: 'dispatch', kind: 'dispatch', after: ['encode'] },
    { name: 'expert', kind: 'expert', after: ['dispatch'] },
    { name: 'combine', kind: 'combine', after: ['expert'] },
  ];
  const tap = routedAfter === undefined ? 0 : backbone.indexOf(routedAfter) + 1;
  return new OperatorGraph([
    ...chain.slice(0, tap),
    ...routed,
    ...chain.slice(tap),
    { name: 'decode', kind: 'decode', after: ['combine'] },
    { name: 'output', kind: 'output', after: ['decode', backbone.at(-1)!] },
  ]);
}
