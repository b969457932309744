/** What an operator does; the words are those of the paper and of every profile, trace and plan. */
export type OperatorKind =
  | 'gate'
  | 'encode'
  | 'dispatch'
  | 'expert'
  | 'combine'
  | 'decode'
  | 'join'
  | 'attention'
  | 'mlp'
  | 'sharedExpert'
  | 'output';

/** Every kind of operator, in the order of a stage. */
export const operatorKinds: readonly OperatorKind[] = [
  'gate',
  'encode',
  'dispatch',
  'expert',
  'combine',
  'decode',
  'join',
  'attention',
  'mlp',
  'sharedExpert',
  'output',
];

/** An operator as the scheduler sees it: what it is and what must be complete before it. */
export interface OperatorNode {
  /** Unique within its graph: the kind, numbered where there are several (`attention1`), `#i` for a chunk (`expert#0`). */
  readonly name: string;
  readonly kind: OperatorKind;
  /** Names of the operators whose results this one reads. */
  readonly after: readonly string[];
}

/** Dispatch and combine travel between ranks: they are started and waited for. All others compute. */
export function isExchangeKind(kind: OperatorKind): kind is 'dispatch' | 'combine' {
  return kind === 'dispatch' || kind === 'combine';
}
