import type { Communicator } from '@scmoe/comm';
import { fillGaps, type CallCost, type GapFilling, type NetworkGap } from '@scmoe/scheduler';

import type { PlanObserver } from '../plan/PlanObserver.js';
import { broadcastText } from './broadcastText.js';
import { measureAllReduce } from './measureAllReduce.js';

/** Whether the averaging of gradients is placed between exchanges: `auto`, where steps are then measured to be shorter. */
export type GradientPlacing = 'auto' | 'on' | 'off';

/** What became of it. */
export interface GradientPlacementReport {
  /** Whether gradients wait for gaps. */
  isPlaced: boolean;
  /** Why they do not, where that was asked for: no part fits, or no steps under plans that stay have been measured yet. */
  whyNot?: 'nothing fits' | 'not measured';
  /** Bytes of a part, parts in a step that have gone into gaps, and bytes that could have. */
  partBytes?: number;
  partsInGaps?: number;
  bytes?: number;
  /** What is predicted to be left at the end of the backward pass, and what if all travelled there: ms. */
  exposedMs?: number;
  tailMs?: number;
  /** Steps by the clock of rank 0, where both ways were measured. */
  placedMs?: number;
  atOnceMs?: number;
}

/** A placement is kept where steps are shorter by this share: less is noise. */
const leastGain = 0.02;

type Decision = GapFilling;

/**
 * Sends the averaging of gradients in parts, in the gaps that the backward pass leaves the network (FSMoE, ASPLOS 2025). Gaps are places
 * in the plan, behind the waits for exchanges with none under way, and each takes the number of parts that was predicted to fit:
 * so every rank sends the same parts at the same places. Rank 0 decides.
 */
export class GradientPlacer {
  private placement: Decision | undefined;
  private proposed: Decision | undefined;
  private isTrying = false;
  private isSettled = false;
  private call: CallCost | undefined;
  private release: (parts: number) => number = () => 0;
  private partsInGaps = 0;
  private lastPartsInGaps = 0;
  private bytes = 0;
  private atOnceMs: number | undefined;
  private placedMs: number | undefined;
  /** Waits of the backward pass that have begun. */
  private readonly begun = new Set<string>();

  constructor(
    private readonly mode: GradientPlacing,
    private readonly world: Communicator | undefined,
  ) {}

  /** The `GradientPacing` of the trainer. */
  readonly pacing = {
    /** Bytes of a part of the step that begins; undefined where all travels at once. */
    partBytes: (): number | undefined => this.placement?.partBytes,
    /** Takes over what sends the next parts and says how many it sent. */
    attach: (release: (parts: number) => number): void => {
      this.release = release;
    },
    /** Hears at the end of a step how many bytes there were that could wait. */
    averaged: (bytes: number): void => {
      this.bytes = bytes;
      this.lastPartsInGaps = this.partsInGaps;
      this.partsInGaps = 0;
    },
  };

  get isPlaced(): boolean {
    return this.placement !== undefined;
  }

  /** Parts that the last step has sent in gaps. */
  get numPlaced(): number {
    return this.lastPartsInGaps;
  }

  report(): GradientPlacementReport {
    const { mode, isSettled, placement, proposed, placedMs, atOnceMs, bytes, lastPartsInGaps } = this;
    return {
      isPlaced: placement !== undefined,
      ...(mode === 'on' && !placement && { whyNot: isSettled ? 'nothing fits' : 'not measured' }),
      ...(placement && { partBytes: placement.partBytes, partsInGaps: lastPartsInGaps }),
      ...(proposed && { exposedMs: proposed.exposedMs, tailMs: proposed.tailMs }),
      ...(bytes > 0 && { bytes }),
      ...(placedMs !== undefined && { placedMs }),
      ...(atOnceMs !== undefined && { atOnceMs }),
    };
  }

  /** Hears of a stage's backward pass, and passes on what it hears. Undefined where nothing is placed and nobody listens. */
  observer(stage: number, other: PlanObserver | undefined): PlanObserver | undefined {
    const own = this.placement?.parts[stage];
    if (!own || Object.keys(own).length === 0) return other;
    const keyOf = (operator: string) => `${stage} ${operator}`;
    return {
      begin: (step, phase) => {
        other?.begin(step, phase);
        if (phase === 'backward' && step.action === 'wait') this.begun.add(keyOf(step.operator));
      },
      end: (step, phase) => {
        other?.end(step, phase);
        const isGap = phase === 'backward' && step.action === 'wait' && this.begun.delete(keyOf(step.operator));
        const parts = isGap ? (own[step.operator] ?? 0) : 0;
        if (parts > 0) this.partsInGaps += this.release(parts);
      },
    };
  }

  /**
   * Decides after a measurement under plans that stay: all ranks call it.
   *
   * @param gaps of each stage of the model; none of one without exchanges
   * @param stepMs of the steps that were measured
   * @returns whether something is to be measured again
   */
  async measured(gaps: readonly (readonly NetworkGap[])[], stepMs: number | undefined): Promise<boolean> {
    const { world } = this;
    if (this.mode === 'off' || !world || world.size === 1 || this.isSettled || this.bytes === 0) return false;
    if (!this.isTrying) {
      this.call ??= await measureAllReduce(world);
      const ofStage = this.bytes / Math.max(1, gaps.length);
      const filled = fillGaps(gaps, { bytes: gaps.map(() => ofStage), call: this.call });
      const isWorthIt = filled.parts.some((parts) => Object.keys(parts).length > 0);
      const proposed = await this.agreed<Decision | null>(isWorthIt ? filled : null);
      this.atOnceMs = stepMs;
      if (!proposed) {
        this.isSettled = true;
        return false;
      }
      this.placement = this.proposed = proposed;
      this.isTrying = true;
      this.isSettled = this.mode === 'on';
      return true;
    }
    this.placedMs = stepMs;
    const isBetter = await this.agreed(
      stepMs !== undefined && this.atOnceMs !== undefined && stepMs < this.atOnceMs * (1 - leastGain),
    );
    this.placement = isBetter ? this.proposed : undefined;
    this.isSettled = true;
    return false;
  }

  /** Begins anew where plans have changed: gaps are others. */
  restart(): void {
    this.placement = this.proposed = undefined;
    this.isTrying = this.isSettled = false;
  }

  private async agreed<Value>(own: Value): Promise<Value> {
    return JSON.parse(await broadcastText(this.world!, JSON.stringify(own))) as Value;
  }
}
