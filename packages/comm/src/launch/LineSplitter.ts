/** Longer lines are cut into pieces, each with a prefix of its own, rather than held in memory. */
const maxLineBytes = 64 * 1024;

/** Cuts a rank's output into lines, whatever the chunks it comes in. */
export class LineSplitter {
  readonly #onLine: (line: Buffer) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param onLine gets each line without its end; a piece of a line that is too long counts as one */
  constructor(onLine: (line: Buffer) => void) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#add(chunk.subarray(start, end));
      this.#emit(this.#take());
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
  }

  /** A last line without an end. */
  flush(): void {
    if (this.#bytes > 0) this.#emit(this.#take());
  }

  #add(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    while (this.#bytes > maxLineBytes) {
      const all = this.#take();
      const cut = characterStart(all, maxLineBytes);
      this.#emit(all.subarray(0, cut));
      this.#parts = [all.subarray(cut)];
      this.#bytes = all.length - cut;
    }
  }

  #take(): Buffer {
    const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return all;
  }

  #emit(line: Buffer): void {
    this.#onLine(line.at(-1) === 13 ? line.subarray(0, -1) : line);
  }
}

/** The last place at or before `index` where a character of UTF-8 begins. */
function characterStart(bytes: Buffer, index: number): number {
  for (let i = index; i > index - 4; i--) if ((bytes[i]! & 0xc0) !== 0x80) return i;
  return index;
}
