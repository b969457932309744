import type { RecordedConstant, RecordedInput, RecordedNode, RecordedValue, Recording, ValueId } from './Recording.js';

/** A stretch of a step between two calls of the host, as a recording of its own. */
export interface RecordedPiece {
  readonly kind: 'piece';
  /** Its results are what later pieces, calls and the step's results want of it. */
  readonly recording: Recording;
}

/** A turn of the host. */
export interface HostTurn {
  readonly kind: 'call';
  /** Which of the recording's calls. */
  readonly index: number;
}

/** What a step consists of, in its order. */
export type Stretch = RecordedPiece | HostTurn;

/**
 * Cuts a recording at its calls of the host. A call that is no cut comes right before the next that is, or at the end; one that takes
 * nothing right after the one before. A recording
 * without calls is one piece, as it is. Variables get their new values in the last piece, so that a step that fails leaves
 * them as they were; pieces before it read the old ones.
 */
export function cutRecording(recording: Recording): Stretch[] {
  if (recording.calls.length === 0) return [{ kind: 'piece', recording }];
  return new Cutter(recording).stretches();
}

/** A piece in the making. */
interface Draft {
  readonly nodes: readonly RecordedNode[];
  /** What it takes from outside, and what is wanted of it. */
  readonly reads: Set<ValueId>;
  readonly gives: Set<ValueId>;
}

class Cutter {
  private readonly recording: Recording;
  private readonly inputs: ReadonlyMap<ValueId, RecordedInput>;
  private readonly constants: ReadonlyMap<ValueId, RecordedConstant>;
  private readonly drafts: Draft[] = [];
  /** Pieces by their number, and calls by theirs from -1 downwards. */
  private readonly order: number[] = [];
  /** Values that nodes or calls have made. */
  private readonly made = new Map<ValueId, { value: RecordedValue; draft?: Draft }>();

  constructor(recording: Recording) {
    this.recording = recording;
    this.inputs = new Map(recording.inputs.map((input) => [input.value, input]));
    this.constants = new Map(recording.constants.map((constant) => [constant.value, constant]));
  }

  stretches(): Stretch[] {
    const { nodes, calls, results, updates } = this.recording;
    let from = 0;
    let waiting: number[] = [];
    const turn = (to: number) => {
      this.addPiece(nodes.slice(from, to));
      from = to;
      waiting.forEach((index) => this.addCall(index));
      waiting = [];
    };
    for (const [index, { after, isCut, inputs }] of calls.entries()) {
      if (!isCut && inputs.length === 0) {
        this.addCall(index); // before the piece that reads it
        continue;
      }
      waiting.push(index);
      if (isCut) turn(after);
    }
    turn(nodes.length);
    const last = this.drafts.at(-1)!;
    for (const { value } of updates) this.read(last, value);
    for (const value of results) this.want(value, last);
    return this.order.flatMap((number): Stretch[] => {
      if (number < 0) return [{ kind: 'call', index: -1 - number }];
      const draft = this.drafts[number]!;
      const isLast = draft === last;
      if (draft.gives.size === 0 && !(isLast && updates.length > 0)) return [];
      return [{ kind: 'piece', recording: this.recordingOf(draft, isLast ? updates : []) }];
    });
  }

  private addPiece(nodes: readonly RecordedNode[]): void {
    const draft: Draft = { nodes, reads: new Set(), gives: new Set() };
    for (const { inputs, outputs } of nodes) {
      for (const value of inputs.flat()) this.read(draft, value);
      for (const output of outputs) this.made.set(output.value, { value: output, draft });
    }
    this.order.push(this.drafts.length);
    this.drafts.push(draft);
  }

  private addCall(index: number): void {
    const { inputs, outputs } = this.recording.calls[index]!;
    for (const value of inputs) this.want(value, this.drafts.at(-1)!);
    for (const output of outputs) this.made.set(output.value, { value: output });
    this.order.push(-1 - index);
  }

  /** A piece takes a value, which an earlier one may have made. */
  private read(draft: Draft, value: ValueId): void {
    const made = this.made.get(value);
    if (made?.draft === draft) return;
    draft.reads.add(value);
    made?.draft?.gives.add(value);
  }

  /** The host takes a value: of the piece that made it or, where none did, of the one before it. */
  private want(value: ValueId, before: Draft): void {
    const made = this.made.get(value);
    if (made) made.draft?.gives.add(value);
    else {
      before.reads.add(value);
      before.gives.add(value);
    }
  }

  private recordingOf({ nodes, reads, gives }: Draft, updates: Recording['updates']): Recording {
    const numbers = [...reads].sort((a, b) => a - b);
    const [line] = this.recording.calls.map((call) => call.line);
    return {
      inputs: numbers.flatMap((value): RecordedInput[] => {
        const made = this.made.get(value);
        if (made) return [{ ...made.value, source: 'earlier', index: value, line: line! }];
        const input = this.inputs.get(value);
        return input ? [input] : [];
      }),
      constants: numbers.flatMap((value) => this.constants.get(value) ?? []),
      nodes,
      calls: [],
      results: [...gives].sort((a, b) => a - b),
      updates,
    };
  }
}
