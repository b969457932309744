import type { EngineWork } from '../engine/Engine.js';

/** The end of an engine's work, which wait() or the event loop may see first. */
export class Completion {
  readonly #work: EngineWork;
  readonly #release: (failed: boolean) => void;
  #outcome: { error?: Error } | undefined;
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(start: (onDone: () => void) => EngineWork, release: (failed: boolean) => void) {
    this.#release = release;
    this.#work = start(() => this.#end());
  }

  get sequence(): number {
    return this.#work.sequence;
  }

  /** Blocks; throws the work's error. */
  wait(): void {
    const outcome = this.#end();
    if (outcome.error) throw outcome.error;
  }

  whenDone(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#outcome === undefined) this.#waiting.push({ resolve, reject });
      else if (this.#outcome.error) reject(this.#outcome.error);
      else resolve();
    });
  }

  isDone(): boolean {
    return this.#outcome !== undefined || this.#work.isDone();
  }

  #end(): { error?: Error } {
    if (this.#outcome !== undefined) return this.#outcome;
    try {
      this.#work.wait();
      this.#outcome = {};
    } catch (error) {
      this.#outcome = { error: error as Error };
    }
    const { error } = this.#outcome;
    this.#release(error !== undefined);
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (error) reject(error);
      else resolve();
    }
    return this.#outcome;
  }
}
