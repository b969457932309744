/** Somebody's wish that the run end: the first signal is forwarded to the ranks, the second one kills them. */
export class StopRequest {
  readonly first: Promise<NodeJS.Signals>;
  readonly second: Promise<void>;
  #signal: NodeJS.Signals | undefined;
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
    if (this.#signal !== undefined) return this.#resolveSecond();
    this.#signal = signal;
    this.#resolveFirst(signal);
  }

  /** Takes the signals of this process. The result gives them back. */
  listen(): () => void {
    const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const handlers = names.map((name) => [name, () => this.request(name)] as const);
    for (const [name, handler] of handlers) process.on(name, handler);
    return () => handlers.forEach(([name, handler]) => process.off(name, handler));
  }
}
