/** A text whose next token is known, and where it goes. */
export interface RoutedText {
  /** The experts of its next token, each once. */
  experts: readonly number[];
  /** Steps that have gone by without it since its next token was known. */
  waitedSteps: number;
}

/** How large a step is, and how long a text may wait for one. */
export interface BatchLimits {
  /** The most texts of a step. */
  stepTexts: number;
  /** The most steps that go by without a text that could take part. */
  maxWaitSteps: number;
}

/**
 * Chooses the texts of a step so that their tokens need few experts: Read-ME's batch builder (arXiv 2410.19123), in which texts
 * queue up by their experts and the longest queues go first, with an age limit. Those that must go now go, or all of them could
 * not be in time later; then texts of experts that are in the step anyway, those of the longest queue, those that have waited
 * longest.
 *
 * No text waits longer than `maxWaitSteps` as long as there are never more than `stepTexts * (maxWaitSteps + 1)`.
 *
 * @returns their places among the texts, in rising order
 */
export function chooseBatch(texts: readonly RoutedText[], { stepTexts, maxWaitSteps }: BatchLimits): number[] {
  const queues = new Map<string, number>();
  const left = texts.map((text, place) => {
    const queue = [...text.experts].sort((a, b) => a - b).join(' ');
    queues.set(queue, (queues.get(queue) ?? 0) + 1);
    return { ...text, place, queue };
  });
  left.sort((a, b) => b.waitedSteps - a.waitedSteps || a.place - b.place);
  const batch = left.splice(0, mustGo(texts, { stepTexts, maxWaitSteps }));
  const experts = new Set(batch.flatMap((text) => text.experts));
  while (batch.length < stepTexts && left.length > 0) {
    const numNew = left.map((text) => text.experts.filter((expert) => !experts.has(expert)).length);
    let best = 0;
    // Sorted by age: among equals the first one stays.
    for (let i = 1; i < left.length; i++) {
      const [queued, least] = [queues.get(left[i]!.queue)!, queues.get(left[best]!.queue)!];
      if (numNew[i]! < numNew[best]! || (numNew[i] === numNew[best] && queued > least)) best = i;
    }
    const [text] = left.splice(best, 1);
    for (const expert of text!.experts) experts.add(expert);
    batch.push(text!);
  }
  return batch.map(({ place }) => place).sort((a, b) => a - b);
}

/** How many of the texts that have waited longest must go now, so that the steps to come suffice for the others. */
function mustGo(texts: readonly RoutedText[], { stepTexts, maxWaitSteps }: BatchLimits): number {
  let most = 0;
  for (let stepsLeft = 0; stepsLeft <= maxWaitSteps; stepsLeft++) {
    const urgent = texts.filter(({ waitedSteps }) => maxWaitSteps - waitedSteps <= stepsLeft).length;
    most = Math.max(most, urgent - stepsLeft * stepTexts);
  }
  return Math.min(most, stepTexts);
}
