import { halfName } from '../graph/chunkNames.js';
import type { OperatorNode } from '../graph/OperatorNode.js';

/**
 * The operators once for each half, the attentions of half 1 behind those of half 0, as where sequences are cut; one gate for
 * both where `jointGate` says so.
 */
export function halfNodes(nodes: readonly OperatorNode[], { jointGate }: { jointGate: boolean }): OperatorNode[] {
  const joint = (name: string) => jointGate && name === 'gate';
  return nodes.flatMap((node): OperatorNode[] => {
    if (joint(node.name))
      return [{ ...node, after: node.after.flatMap((name) => [0, 1].map((h) => halfName(name, h))) }];
    return [0, 1].map((half) => ({
      ...node,
      name: halfName(node.name, half),
      after: [
        ...node.after.map((name) => (joint(name) ? name : halfName(name, half))),
        ...(half === 1 && node.kind === 'attention' ? [halfName(node.name, 0)] : []),
      ],
    }));
  });
}
