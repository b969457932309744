/** Weight of the newest loss: the trend is that of the last twenty steps or so. */
const smoothing = 0.05;
/** Losses of a start say nothing of what is usual. */
const warmUpSteps = 20;
/** Losses of single batches differ at least so much, as a share of the trend, whatever a quiet stretch says. */
const smallestDeviation = 0.01;

/** Tells a loss far above its trend from the scatter of single batches, by a moving mean and deviation. */
export class LossTrend {
  private mean = 0;
  private variance = 0;
  private seen = 0;

  /**
   * @param limit how many deviations above the trend are far
   * @returns the trend and the loss's distance from it in deviations, where it is far above
   */
  add(loss: number, limit: number): { trend: number; deviations: number } | undefined {
    const { mean } = this;
    const deviation = Math.max(Math.sqrt(this.variance), smallestDeviation * Math.abs(mean));
    const far = this.seen >= warmUpSteps && limit > 0 && loss > mean + limit * deviation;
    // A spike moves the trend by no more than what is usual, or the next ones would look like it.
    const value = far ? mean + limit * deviation : loss;
    const weight = Math.max(smoothing, 1 / (this.seen + 1));
    this.variance = (1 - weight) * (this.variance + weight * (value - mean) ** 2);
    this.mean += weight * (value - mean);
    this.seen++;
    return far ? { trend: mean, deviations: (loss - mean) / deviation } : undefined;
  }
}
