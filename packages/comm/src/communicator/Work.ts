/** A collective on its way. */
export interface Work<Result> {
  /** Which collective of its communicator this is: they are counted alike on every rank. */
  readonly sequence: number;
  /**
   * Blocks this thread until the result is there, and gives it; the same one every time. A tensor is made at the first
   * call, in the tf.tidy scope of that call.
   *
   * @throws CommError where the collective failed
   */
  wait(): Result;
  /** The result without blocking; rejects with what `wait` throws. */
  readonly done: Promise<Result>;
  /** Whether `wait` would return, or throw, at once. */
  isDone(): boolean;
}
