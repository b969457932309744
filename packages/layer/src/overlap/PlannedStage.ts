import {
  unchunkedName,
  type ChosenPlans,
  type ChunkOverhead,
  type OperatorGraph,
  type StageCosts,
} from '@scmoe/scheduler';

import type { Operator } from '../plan/Operator.js';
import { operatorGraph } from '../plan/overlapped.js';
import type { ExpertLoad } from './ExpertLoad.js';

/** What a controller knows of a stage. */
export interface PlannedStage {
  /** Absent where nothing travels, or twice (DGMoE): such a stage runs sequentially. */
  graph?: OperatorGraph;
  plans?: ChosenPlans;
  /** Times in one part, when that was last measured or known. */
  whole?: StageCosts;
  /** What a chunk costs on top of its share of the work, once there were chunks. */
  overhead?: ChunkOverhead;
  /** What both halves of each operator took together, once there were halves. */
  inHalves?: StageCosts;
  /** What a chunk of a half costs on top of its share of the half, once there were halves in one part and in several. */
  overheadInHalves?: ChunkOverhead;
  /** Tokens of the last training pass on this rank. */
  numTokens?: number;
  /** Whether its gate has to see both halves. */
  jointGate?: boolean;
  /** What its experts had to do in the steps that were observed, and their shares of that in the last measurement. */
  load?: ExpertLoad;
  expertShares?: readonly number[];
}

/** The stages that can be planned, by number. */
export type PlannedGraphs = readonly (readonly [number, PlannedStage & { graph: OperatorGraph }])[];

/** Those of a model's stages that can be planned, in their order. */
export function plannedGraphs(stages: ReadonlyMap<number, PlannedStage>): PlannedGraphs {
  const isPlanned = (entry: [number, PlannedStage]): entry is [number, PlannedStage & { graph: OperatorGraph }] =>
    entry[1].graph !== undefined;
  return [...stages].filter(isPlanned).sort(([a], [b]) => a - b);
}

/** What can be planned of a stage: one way through the experts, and something to do beside it. */
export function plannable<Values>(operators: readonly Operator<Values>[]): OperatorGraph | undefined {
  const gates = new Set(operators.filter(({ kind }) => kind === 'gate').map(({ name }) => unchunkedName(name)));
  if (gates.size !== 1) return undefined;
  return operatorGraph(operators);
}
