import type { OperatorNode } from './OperatorNode.js';

/** The order given, changed only where a dependency asks for it: each operator follows what it needs. */
export function stableOrder(nodes: readonly OperatorNode[]): readonly OperatorNode[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const placed = new Set<string>();
  const order: OperatorNode[] = [];
  const place = (node: OperatorNode): void => {
    if (placed.has(node.name)) return;
    placed.add(node.name);
    for (const earlier of node.after) place(byName.get(earlier)!);
    order.push(node);
  };
  nodes.forEach(place);
  return order;
}

/** A circle of dependencies as a path that ends where it began, or undefined where there is none. */
export function findCycle(nodes: readonly OperatorNode[]): readonly string[] | undefined {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): readonly string[] | undefined => {
    if (finished.has(name)) return undefined;
    const start = path.indexOf(name);
    if (start >= 0) return [...path.slice(start), name];
    path.push(name);
    for (const earlier of byName.get(name)?.after ?? []) {
      const cycle = visit(earlier);
      if (cycle) return cycle;
    }
    path.pop();
    finished.add(name);
    return undefined;
  };
  for (const { name } of nodes) {
    const cycle = visit(name);
    if (cycle) return cycle;
  }
  return undefined;
}
