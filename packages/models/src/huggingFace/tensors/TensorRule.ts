/**
 * How tensors of a model and of a public checkpoint correspond: data, read in both directions. Names are patterns:
 * `{block}` and the like stand for a number that is the same on both sides.
 */
export interface TensorRule {
  /** Names in the model. Several lie side by side along the last axis of one of theirs, which is turned afterwards (c_attn). */
  readonly ours: string | readonly string[];
  /** The name in the checkpoint. With `{expert}`: one tensor for each entry of ours along its first axis. */
  readonly theirs: string;
  /** Theirs is (out, in) where ours is (in, out); of stacked experts (E, out, in) and (E, in, out). */
  readonly transposed?: boolean;
  /** Several of ours take turns along the last axis, element by element, and do not lie side by side. */
  readonly interleaved?: boolean;
  /** Several of ours lie side by side within each of so many groups along the last axis, and not as wholes. */
  readonly groups?: number;
  /** Layers that it is for, counted from 0; all by default. */
  readonly layers?: readonly number[];
  /** Theirs has one axis more, of one entry, in front of ours. */
  readonly leadingOne?: boolean;
  /** Shape of theirs, where it has other axes than ours (after the transposition) with the elements in the same order. */
  readonly shape?: readonly number[];
}

/** Theirs is laid out like ours. */
export function same(ours: string | readonly string[], theirs: string): TensorRule {
  return { ours, theirs };
}

/** Theirs is a weight of PyTorch's `Linear`, (out, in). */
export function transposed(ours: string | readonly string[], theirs: string): TensorRule {
  return { ours, theirs, transposed: true };
}
