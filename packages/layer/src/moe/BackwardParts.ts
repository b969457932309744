import { groupedFfnBackward, groupedFfnForward, withoutRecording, type GroupedFfnInputs } from '@scmoe/tensor';
import { chunkName, type Step } from '@scmoe/scheduler';
import * as tf from '@tensorflow/tfjs';

import type { ParameterRecord } from '../parameters/ParameterRecord.js';
import type { PlanObserver } from '../plan/PlanObserver.js';
import type { ChunkedRouting } from './chunkRouting.js';
import type { Dispatcher, ExpertBatch } from './Dispatcher.js';
import { keptApart } from './keptApart.js';
import { expertWeights, type ExpertForm } from './moeOperators.js';
import { moveRowsTo, rowsBetween, takeRuns, type RowRun } from './rowsBetween.js';

/** One routing in the parts of the forward pass, and in those of the backward pass. The dispatcher has heard of all. */
export interface BackwardPartsOptions {
  forward: ChunkedRouting;
  backward: ChunkedRouting;
  /** Parts of every rank's experts, of each pass. */
  expertChunks: { forward: number; backward: number };
  /** The order in which parts of the backward pass would go forward; it takes them in reverse. */
  order?: readonly number[] | undefined;
  dispatcher: Dispatcher;
  form: ExpertForm;
  observer?: PlanObserver | undefined;
}

/** What the experts had of a part. */
export interface KeptPart {
  rows: tf.Tensor2D;
  /** Hidden layers of the rows; none where they are to be computed again. */
  hidden: readonly tf.Tensor2D[];
}

type InFlight = ReturnType<typeof keptApart>;

/**
 * The backward pass through exchanges and experts in parts that are not those of the forward pass. On the tape are nodes in the places
 * where a plan in these parts would have its operators: one for all dispatches, one for the experts of each part, one for all
 * combines. Their values are what the forward pass has made; what passes between them is a ticket, which holds no data. The
 * gradient of a combine is a dispatch, that of a dispatch a combine.
 */
export class BackwardParts {
  private readonly kept = new Map<number, KeptPart>();
  private readonly combining: InFlight[] = [];
  private readonly dispatching: InFlight[] = [];
  /** The row of the backward pass's buffer for each row of the forward pass's; undefined where they are the same. */
  private readonly places: Int32Array | undefined;
  private numLeft: number;
  private readonly order: readonly number[];

  constructor(private readonly options: BackwardPartsOptions) {
    this.numLeft = options.forward.parts.length;
    this.places = placesOf(options.forward, options.backward);
    const all = options.backward.parts.map((_, i) => i);
    this.order = options.order?.filter((i) => i in all) ?? all;
  }

  /** The node of all dispatches, behind encode. @returns a ticket */
  dispatched(packed: tf.Tensor2D): tf.Tensor1D {
    const { backward, dispatcher, observer } = this.options;
    const numRows = packed.shape[0];
    // The counts, which what was started here may look at, live as long as this node.
    return node([packed], this.counts(), () => {
      const pieces: tf.Tensor2D[] = [];
      for (const i of this.order.toReversed()) {
        pieces[i] = this.observed('wait', 'dispatch', i, () => dispatcher.finishCombine(this.dispatching[i]!.value));
      }
      observer?.begin({ action: 'run', operator: 'encode' }, 'backward');
      const rows = backward.join(pieces);
      const back = this.places && inverseRows(this.places, rows.shape[0]);
      const isMoved = back !== undefined || rows.shape[0] !== numRows;
      const dPacked = isMoved ? moveRowsTo(rows, back ?? numbers(rows.shape[0]), numRows) : rows.clone();
      // A dispatcher may hand out what it was given.
      for (const { dispose } of this.dispatching) dispose();
      return [dPacked];
    });
  }

  /** Takes what the experts had of a part, undefined where it carries nothing. @returns whether it was the last one */
  took(part: number, kept: KeptPart | undefined): boolean {
    // The operator that had them frees its own.
    const own = (tensor: tf.Tensor2D) => withoutRecording(() => tf.keep(tensor.clone()));
    if (kept) this.kept.set(part, { rows: own(kept.rows), hidden: kept.hidden.map(own) });
    return --this.numLeft === 0;
  }

  /** The nodes of the experts, behind the last part. @param experts of each run of them. @returns a ticket */
  computed(ticket: tf.Tensor1D, experts: readonly ParameterRecord[]): tf.Tensor1D {
    const { forward, backward, expertChunks } = this.options;
    const runs = rowsBetween(
      { expertChunks: expertChunks.forward, rows: this.rowsOf(forward) },
      { expertChunks: expertChunks.backward, rows: this.rowsOf(backward) },
    );
    const last = this.order.reduce(
      (before, i) => this.expertNode(before, i, runs[i]!, experts[i % expertChunks.backward]!),
      ticket,
    );
    // The nodes have them now.
    for (const { rows, hidden } of this.kept.values()) tf.dispose([rows, ...hidden]);
    return last;
  }

  /** The node of all combines, before decode. @returns `returned` */
  combined(ticket: tf.Tensor1D, returned: tf.Tensor2D): tf.Tensor2D {
    const { backward, dispatcher, observer } = this.options;
    return node(
      [ticket],
      this.counts(),
      (counts, dReturned) => {
        observer?.end({ action: 'run', operator: 'decode' }, 'backward');
        const parts = this.partsWith(counts);
        const { numRows } = backward.whole;
        const moved = this.places ?? (dReturned.shape[0] === numRows ? undefined : numbers(dReturned.shape[0]));
        const pieces = backward.cut(
          moved ? moveRowsTo(dReturned as tf.Tensor2D, moved, numRows) : (dReturned as tf.Tensor2D),
        );
        for (const i of this.order.toReversed())
          this.combining[i] = this.observed('start', 'combine', i, () =>
            keptApart(dispatcher.startDispatch(pieces[i]!, parts[i]!)),
          );
        return [newTicket()];
      },
      returned,
    );
  }

  private expertNode(before: tf.Tensor1D, i: number, runs: readonly RowRun[], own: ParameterRecord): tf.Tensor1D {
    const { dispatcher, form, backward } = this.options;
    const weights = Object.entries(expertWeights(own, form) as Record<string, tf.Tensor | undefined>).filter(
      (entry): entry is [string, tf.Tensor] => entry[1] !== undefined,
    );
    const needed = [...new Set(runs.map(({ part }) => part))];
    const kept = needed.flatMap((part) => [this.kept.get(part)!.rows, ...this.kept.get(part)!.hidden]);
    const inputs = weights.map(([, tensor]) => tensor);
    const saved = [backward.parts[i]!.counts, ...inputs, ...kept];
    return node([before, ...inputs], saved, ([counts, ...others]) => {
      const experts = Object.fromEntries(
        weights.map(([name], w) => [name, others[w]!]),
      ) as unknown as GroupedFfnInputs['experts'];
      const part = { ...backward.parts[i]!, counts: counts as tf.Tensor1D };
      const { value, dispose } = this.combining[i]!;
      const batch = this.observed('wait', 'combine', i, () => dispatcher.finishDispatch(value));
      const gradients = this.observed('run', 'expert', i, () =>
        this.gradientsOf(batch, { experts, runs, needed, tensors: others.slice(weights.length) as tf.Tensor2D[] }),
      );
      this.dispatching[i] = this.observed('start', 'dispatch', i, () =>
        keptApart(dispatcher.startCombine(gradients.rows, part)),
      );
      dispose();
      return [newTicket(), ...weights.map(([name]) => gradients.experts[name]!)];
    });
  }

  private gradientsOf(
    { rows: dy, counts, capacity }: ExpertBatch,
    {
      experts,
      runs,
      needed,
      tensors,
    }: {
      experts: GroupedFfnInputs['experts'];
      runs: readonly RowRun[];
      needed: readonly number[];
      tensors: tf.Tensor2D[];
    },
  ): ReturnType<typeof groupedFfnBackward> {
    const { form } = this.options;
    const each = needed.length === 0 ? 1 : tensors.length / needed.length;
    const taken = Array.from({ length: each }, (_, n) =>
      needed.length === 0
        ? dy
        : withRows(takeRuns(new Map(needed.map((part, p) => [part, tensors[p * each + n]!])), runs), dy.shape[0]),
    );
    const [rows, ...hidden] = taken as [tf.Tensor2D, ...tf.Tensor2D[]];
    const inputs = { rows, counts, experts };
    const known = hidden.length > 0 ? hidden : groupedFfnForward(inputs, { ...form, capacity }).hidden;
    return groupedFfnBackward(dy, inputs, known, { ...form, capacity });
  }

  private rowsOf({ parts }: ChunkedRouting) {
    return parts.map((part) => this.options.dispatcher.rowsFrom!(part));
  }

  /** Which the dispatcher may look at in the backward pass as well, when the routing itself is gone. */
  private counts(): tf.Tensor1D[] {
    return this.options.backward.parts.map(({ counts }) => counts);
  }

  private partsWith(counts: readonly tf.Tensor[]) {
    return this.options.backward.parts.map((part, i) => ({ ...part, counts: counts[i] as tf.Tensor1D }));
  }

  private observed<Result>(action: Step['action'], operator: string, part: number, run: () => Result): Result {
    const { observer, backward } = this.options;
    const step = { action, operator: backward.parts.length === 1 ? operator : chunkName(operator, part) };
    observer?.begin(step, 'backward');
    const result = run();
    observer?.end(step, 'backward');
    return result;
  }
}

/** A node of the tape. @param value what the forward pass has; by default a ticket */
function node<Output extends tf.Tensor = tf.Tensor1D>(
  inputs: readonly tf.Tensor[],
  saved: tf.Tensor[],
  gradientsOf: (saved: tf.Tensor[], dy: tf.Tensor) => tf.Tensor[],
  value?: Output,
): Output {
  const apply = tf.customGrad<Output>((...given) => {
    (given.at(-1) as unknown as tf.GradSaveFunc)(saved);
    return {
      value: value ? value.clone() : (newTicket() as unknown as Output),
      gradFunc: (dy: tf.Tensor, kept: tf.Tensor[]) => gradientsOf(kept, dy),
    };
  });
  return apply(...inputs);
}

/** One element: a gradient has its tensor's shape, and an empty one could be taken for an absent one. */
function newTicket(): tf.Tensor1D {
  return tf.tensor1d([0]);
}

/** Row by row, where the choices of both passes' buffers are, by the slots that they have there. */
function placesOf({ whole: { slots: from } }: ChunkedRouting, { whole: { slots: to } }: ChunkedRouting) {
  const [before, after] = [from, to].map((slots) => Int32Array.from(slots.dataSync())) as [Int32Array, Int32Array];
  const places = new Int32Array(before.reduce((most, slot) => Math.max(most, slot), -1) + 1).fill(-1);
  let isSame = true;
  before.forEach((slot, choice) => {
    if (slot < 0) return;
    places[slot] = after[choice]!;
    isSame &&= slot === after[choice];
  });
  return isSame ? undefined : places;
}

function inverseRows(places: Int32Array, numRows: number): Int32Array {
  const inverse = new Int32Array(numRows).fill(-1);
  places.forEach((place, row) => {
    if (place >= 0) inverse[place] = row;
  });
  return inverse;
}

/** A buffer may have room at its end for rows of nobody. */
function withRows(rows: tf.Tensor2D, numRows: number): tf.Tensor2D {
  const missing = numRows - rows.shape[0];
  return missing > 0 ? tf.concat([rows, tf.zeros([missing, rows.shape[1]])]) : rows;
}

function numbers(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}
