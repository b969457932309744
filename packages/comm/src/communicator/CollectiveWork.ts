import { Completion } from './Completion.js';
import type { EngineWork } from '../engine/Engine.js';
import type { Work } from './Work.js';

/** A Work over an engine's: makes the result once, and lets go of the input as soon as the work has ended. */
export class CollectiveWork<Result> implements Work<Result> {
  readonly #completion: Completion;
  readonly #give: () => Result;
  #result: { value: Result } | undefined;
  #promise: Promise<Result> | undefined;

  private constructor(completion: Completion, give: () => Result) {
    this.#completion = completion;
    this.#give = give;
  }

  /**
   * Starts a call.
   *
   * @param start hands the call to the engine, with what it has to call at the end
   * @param give makes the result, after success
   * @param release lets go of the input; `failed` says that the result is not wanted either
   */
  static start<Result>(
    start: (onDone: () => void) => EngineWork,
    give: () => Result,
    release: (failed: boolean) => void,
  ): CollectiveWork<Result> {
    return new CollectiveWork(new Completion(start, release), give);
  }

  get sequence(): number {
    return this.#completion.sequence;
  }

  wait(): Result {
    this.#completion.wait();
    return this.#take();
  }

  get done(): Promise<Result> {
    return (this.#promise ??= this.#completion.whenDone().then(() => this.#take()));
  }

  isDone(): boolean {
    return this.#completion.isDone();
  }

  #take(): Result {
    return (this.#result ??= { value: this.#give() }).value;
  }
}
