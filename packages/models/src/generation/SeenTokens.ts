/** Which tokens a text has, for what is taken from their scores. */
export class SeenTokens {
  /** Tokens of prompt and text. */
  readonly all: Set<number>;
  /** How often each token stands in the text, the prompt apart. */
  readonly counts = new Map<number, number>();

  constructor(prompt: Iterable<number> = []) {
    this.all = new Set(prompt);
  }

  add(token: number): void {
    this.all.add(token);
    this.counts.set(token, (this.counts.get(token) ?? 0) + 1);
  }
}
