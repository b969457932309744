import { ArgumentError } from '@scmoe/errors';

import { isExchangeKind, operatorKinds, type OperatorNode } from './OperatorNode.js';
import { findCycle, stableOrder } from './stableOrder.js';

/** The way of a token through the experts: one operator of each kind, each dependent on the one before. */
export interface RoutedPath {
  readonly gate: string;
  readonly encode: string;
  readonly dispatch: string;
  readonly expert: string;
  readonly combine: string;
  readonly decode: string;
}

const routedKinds = ['gate', 'encode', 'dispatch', 'expert', 'combine', 'decode'] as const;

/**
 * The operators of a stage and their dependencies.
 *
 * What may run while tokens travel follows from the dependencies alone: `window` holds the computations that neither lead
 * to the dispatch nor need the combine. The expert can be put before, between or after them, so that a graph with a window
 * of n operators has n + 1 slots (pos1: 3, pos2: 4, pos3: 5).
 */
export class OperatorGraph {
  /** All operators in an order that respects the dependencies, and otherwise the order given. */
  readonly operators: readonly OperatorNode[];
  /** Absent where the graph routes no tokens. */
  readonly routed: RoutedPath | undefined;
  /** Computations that can run beside the exchanges, in order. */
  readonly window: readonly OperatorNode[];
  private readonly byName: ReadonlyMap<string, OperatorNode>;

  /** @throws ArgumentError for names used twice, unknown kinds or dependencies, a cycle, an incomplete routed path */
  constructor(nodes: readonly OperatorNode[]) {
    this.byName = checkedNames(nodes);
    const cycle = findCycle(nodes);
    if (cycle) throw new ArgumentError(`operators wait for each other in a circle: ${cycle.join(' -> ')}`);
    this.operators = stableOrder(nodes);
    this.routed = routedPath(this);
    this.window = this.routed ? overlapWindow(this, this.routed) : [];
  }

  /** How many places there are for the expert; 1 where nothing can run beside the exchanges. */
  get numSlots(): number {
    return this.window.length + 1;
  }

  get names(): readonly string[] {
    return this.operators.map(({ name }) => name);
  }

  /** Whether there is an operator of this name. */
  has(name: string): boolean {
    return this.byName.has(name);
  }

  /** The operator of a name. @throws ArgumentError where there is no such operator */
  get(name: string): OperatorNode {
    const node = this.byName.get(name);
    if (!node) throw new ArgumentError(`no operator '${name}'; there are ${this.names.join(', ')}`);
    return node;
  }

  /** Whether the operator travels between ranks. @throws ArgumentError where there is no such operator */
  isExchange(name: string): boolean {
    return isExchangeKind(this.get(name).kind);
  }

  /** Everything that must be complete before `name` starts, itself not included. */
  ancestors(name: string): ReadonlySet<string> {
    const found = new Set<string>();
    const visit = (node: OperatorNode): void => {
      for (const earlier of node.after) {
        if (found.has(earlier)) continue;
        found.add(earlier);
        visit(this.get(earlier));
      }
    };
    visit(this.get(name));
    return found;
  }
}

function checkedNames(nodes: readonly OperatorNode[]): Map<string, OperatorNode> {
  const byName = new Map<string, OperatorNode>();
  for (const node of nodes) {
    if (byName.has(node.name)) throw new ArgumentError(`two operators are named '${node.name}'`);
    if (!operatorKinds.includes(node.kind)) {
      const kinds = operatorKinds.join(', ');
      throw new ArgumentError(`operator '${node.name}': unknown kind '${node.kind}'; there are ${kinds}`);
    }
    byName.set(node.name, node);
  }
  for (const { name, after } of nodes) {
    const unknown = after.find((earlier) => !byName.has(earlier));
    if (unknown !== undefined) {
      throw new ArgumentError(
        `operator '${name}' comes after '${unknown}', which is not there; there are ${[...byName.keys()].join(', ')}`,
      );
    }
  }
  return byName;
}

function routedPath(graph: OperatorGraph): RoutedPath | undefined {
  const found = routedKinds.map((kind) => graph.operators.filter((node) => node.kind === kind));
  if (found.every((nodes) => nodes.length === 0)) return undefined;
  const path = new Map<string, string>();
  found.forEach((nodes, i) => {
    if (nodes.length !== 1) {
      throw new ArgumentError(
        `a graph that routes tokens needs one operator of each of ${routedKinds.join(', ')}; ` +
          `of kind '${routedKinds[i]!}' it has ${nodes.length}`,
      );
    }
    const name = nodes[0]!.name;
    const before = i > 0 ? path.get(routedKinds[i - 1]!)! : undefined;
    if (before !== undefined && !graph.ancestors(name).has(before)) {
      throw new ArgumentError(`operator '${name}' must come after '${before}'`);
    }
    path.set(routedKinds[i]!, name);
  });
  const routed = Object.fromEntries(path) as unknown as RoutedPath;
  const between = [...graph.ancestors(routed.combine)].filter(
    (name) =>
      !graph.ancestors(routed.encode).has(name) && ![routed.encode, routed.dispatch, routed.expert].includes(name),
  );
  if (between.length > 0) {
    throw new ArgumentError(`only the expert may stand between encode and combine, not ${between.join(', ')}`);
  }
  return routed;
}

function overlapWindow(graph: OperatorGraph, { combine }: RoutedPath): readonly OperatorNode[] {
  const beforeCombine = graph.ancestors(combine);
  return graph.operators.filter(
    ({ name, kind }) => !isExchangeKind(kind) && !beforeCombine.has(name) && !graph.ancestors(name).has(combine),
  );
}
