/** How many tensors beside the first use a buffer: views are given up in any order. */
export class ViewCounts {
  private readonly counts = new Map<ArrayBuffer, number>();

  of(buffer: ArrayBuffer): number {
    return this.counts.get(buffer) ?? 0;
  }

  add(buffer: ArrayBuffer): void {
    this.counts.set(buffer, this.of(buffer) + 1);
  }

  /** One tensor gives the buffer up. @returns whether others still use it */
  giveUp(buffer: ArrayBuffer): boolean {
    const others = this.of(buffer);
    if (others > 1) this.counts.set(buffer, others - 1);
    else this.counts.delete(buffer);
    return others > 0;
  }
}
