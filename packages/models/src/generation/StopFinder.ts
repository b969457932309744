/** Finds where a text that comes in pieces has one of some strings: what may become one is held back until it is clear. */
export class StopFinder {
  private held = '';
  private isFound = false;

  constructor(private readonly stops: readonly string[]) {}

  /** Whether one of the strings has come. */
  get found(): boolean {
    return this.isFound;
  }

  /** What can be written now: nothing from a string on. */
  push(piece: string): string {
    if (this.isFound) return '';
    const text = this.held + piece;
    const places = this.stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    if (places.length > 0) {
      this.isFound = true;
      return text.slice(0, Math.min(...places));
    }
    const numHeld = Math.max(0, ...this.stops.map((stop) => lengthOfStart(text, stop)));
    this.held = text.slice(text.length - numHeld);
    return text.slice(0, text.length - numHeld);
  }

  /** What is still held back where no more text comes. */
  rest(): string {
    return this.isFound ? '' : this.held;
  }
}

/** How many characters at the end of `text` a string begins with, but not all of it. */
function lengthOfStart(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
