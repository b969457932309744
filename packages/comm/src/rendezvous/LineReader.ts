import { RendezvousError } from './RendezvousError.js';

/** Cuts a stream of bytes into lines of at most `maxBytes`. */
export class LineReader {
  readonly #maxBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that `chunk` completes, without their ends.
   *
   * @throws RendezvousError for a line that is too long
   */
  *push(chunk: Buffer): Generator<string> {
    let all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10)) {
      this.#check(end);
      const line = all.subarray(0, end).toString();
      all = all.subarray(end + 1);
      yield line;
    }
    this.#check(all.length);
    this.#rest = all;
  }

  /** What came after the last complete line. */
  get rest(): Buffer {
    return this.#rest;
  }

  #check(bytes: number): void {
    if (bytes > this.#maxBytes) {
      throw new RendezvousError('limit', `A line of more than ${this.#maxBytes} bytes.`);
    }
  }
}

/** A text that fits into a line: control characters become spaces, the end is cut. */
export function lineText(text: string, maxCharacters = 1000): string {
  // A character may take three bytes of UTF-8, so that this stays below the longest line.
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, maxCharacters)
    .trim();
}
