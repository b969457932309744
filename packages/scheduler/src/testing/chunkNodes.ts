import { expectPositiveInteger } from '@scmoe/errors';

import { chunkName, isChunkedKind } from '../graph/chunkNames.js';
import type { OperatorGraph } from '../graph/OperatorGraph.js';
import type { OperatorNode } from '../graph/OperatorNode.js';

/**
 * The operators with the token axis cut in `chunks`: dispatch, expert and combine once for each chunk, gate and encode
 * before all and decode after all of them. Returned as nodes, since a graph has one routed path.
 */
export function chunkNodes(graph: OperatorGraph, chunks: number): readonly OperatorNode[] {
  expectPositiveInteger('chunks', chunks);
  if (chunks === 1 || !graph.routed) return graph.operators;
  const chunked = new Set(graph.operators.filter(({ kind }) => isChunkedKind(kind)).map(({ name }) => name));
  const numbers = Array.from({ length: chunks }, (_, i) => i);
  return graph.operators.flatMap((node): OperatorNode[] =>
    chunked.has(node.name)
      ? numbers.map((chunk) => ({
          ...node,
          name: chunkName(node.name, chunk),
          after: node.after.map((earlier) => (chunked.has(earlier) ? chunkName(earlier, chunk) : earlier)),
        }))
      : [
          {
            ...node,
            after: node.after.flatMap((earlier) =>
              chunked.has(earlier) ? numbers.map((chunk) => chunkName(earlier, chunk)) : [earlier],
            ),
          },
        ],
  );
}
