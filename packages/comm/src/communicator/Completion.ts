import type { EngineWork } from '../engine/Engine.js';

/** The end of an engine's work, which wait() or the event loop may see first. */
export class Completion {
  readonly #work: EngineWork;
  readonly #release: (failed: boolean) => void;
  #outcome: { error?: unknown } | undefined;
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];

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
    if ('error' in outcome) throw outcome.error;
  }

  whenDone(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#outcome === undefined) this.#waiting.push({ resolve, reject });
      else if ('error' in this.#outcome) reject(this.#outcome.error as Error);
      else resolve();
    });
  }

  isDone(): boolean {
    return this.#outcome !== undefined || this.#work.isDone();
  }

  #end(): { error?: unknown } {
    if (this.#outcome !== undefined) return this.#outcome;
    try {
      this.#work.wait();
      this.#outcome = {};
    } catch (error) {
      this.#outcome = { error };
    }
    const failed = 'error' in this.#outcome;
    this.#release(failed);
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (failed) reject(this.#outcome.error);
      else resolve();
    }
    return this.#outcome;
  }
}
