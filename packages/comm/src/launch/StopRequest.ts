import { hasTerminal, secondInterruptMs, stopSignals } from './stopSignals.js';

/**
 * Somebody's wish that the run end: the first signal is forwarded to the ranks. Schedulers say it several times, so only
 * a second Ctrl-C at a terminal kills them.
 */
export class StopRequest {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<void>;
  #signal: NodeJS.Signals | undefined;
  #interruptedAt: number | undefined;
  #resolveFirst!: (signal: NodeJS.Signals) => void;
  #resolveSecond!: () => void;

  constructor() {
    this.first = new Promise((resolve) => (this.#resolveFirst = resolve));
    this.second = new Promise((resolve) => (this.#resolveSecond = resolve));
  }

  get signal(): NodeJS.Signals | undefined {
    return this.#signal;
  }

  request(signal: NodeJS.Signals): void {
    if (this.#signal === undefined) {
      this.#signal = signal;
      this.#resolveFirst(signal);
    }
    if (signal !== 'SIGINT') return;
    this.#interruptedAt ??= performance.now();
    if (performance.now() - this.#interruptedAt >= secondInterruptMs && hasTerminal()) this.#resolveSecond();
  }

  /** Takes the signals of this process. The result gives them back. */
  listen(): () => void {
    const handlers = stopSignals.map((name) => [name, () => this.request(name)] as const);
    for (const [name, handler] of handlers) process.on(name, handler);
    return () => handlers.forEach(([name, handler]) => process.off(name, handler));
  }
}
