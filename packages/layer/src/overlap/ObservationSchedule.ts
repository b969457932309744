export interface ObservationScheduleOptions {
  /** Steps before the first that is observed. */
  warmupSteps: number;
  /** Steps in a row that make a measurement. */
  measuredSteps: number;
  /** Steps between two measurements; 0: there is one alone. */
  refreshSteps: number;
}

/** Which steps are observed: `measuredSteps` in a row, after the warm-up and again every `refreshSteps`. */
export class ObservationSchedule {
  private done = 0;
  private next: number;
  private left: number;

  constructor(private readonly options: ObservationScheduleOptions) {
    this.next = options.warmupSteps;
    this.left = options.measuredSteps;
  }

  get isObserving(): boolean {
    return this.left > 0 && this.done >= this.next;
  }

  /** Counts a step. @returns whether it was the last of a measurement */
  stepDone(): boolean {
    const wasObserved = this.isObserving;
    this.done++;
    if (!wasObserved) return false;
    this.left--;
    if (this.left > 0) return false;
    const { measuredSteps, refreshSteps } = this.options;
    this.next = this.done + refreshSteps;
    this.left = refreshSteps > 0 ? measuredSteps : 0;
    return true;
  }

  /** Observes again, after `pauseSteps`: something has changed. */
  restart(pauseSteps: number): void {
    this.next = this.done + pauseSteps;
    this.left = this.options.measuredSteps;
  }
}
