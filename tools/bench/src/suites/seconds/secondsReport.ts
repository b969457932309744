import { deviation, differencesText, mean } from '../../statistics.js';
import { table } from '../../table.js';
import { thousands } from '../../units.js';
import { crossing, meanCurve, timeTo } from './crossing.js';
import { referenceName, torchName } from './names.js';
import { numPoints, type SecondsRun } from './SecondsRun.js';
import { secondsVariants } from './variants.js';

/** The table of the contenders, and in words where each crosses the dense model. */
export function secondsReport(runs: readonly SecondsRun[], seconds: number): string {
  const names = [...secondsVariants.map(({ name }) => name), torchName].filter((name) =>
    runs.some((run) => run.variant === name),
  );
  const own = (name: string) => runs.filter((run) => run.variant === name).sort((a, b) => a.seed - b.seed);
  const times = Array.from({ length: numPoints }, (_, i) => (seconds * (i + 1)) / numPoints);
  const curveOf = (name: string) =>
    meanCurve(
      own(name).map(({ curve }) => curve),
      times,
    );
  const final = ({ curve }: SecondsRun) => curve.at(-1)!.loss;
  const rows = names.map((name) => {
    const mine = own(name);
    const losses = mine.map(final);
    const differences = mine.flatMap((run) => {
      const other = own(referenceName).find(({ seed }) => seed === run.seed);
      return other ? [final(run) - final(other)] : [];
    });
    const [{ numActiveParameters, numParameters }] = mine as [SecondsRun, ...SecondsRun[]];
    return [
      name,
      thousands(numActiveParameters),
      thousands(numParameters),
      String(Math.round(mean(mine.map(({ curve }) => curve.at(-1)!.step)))),
      mean(losses).toFixed(4),
      deviation(losses)?.toFixed(4) ?? '',
      name === referenceName ? '' : differencesText(differences, 4),
    ];
  });
  const header = ['kind', 'active', 'parameters', 'steps', 'validation loss', 'deviation', 'against dense'];
  const lines = names
    .filter((name) => name !== referenceName && own(referenceName).length > 0)
    .map((name) => {
      const at = crossing(curveOf(name), curveOf(referenceName), times);
      if (at === undefined) return `${name} is not below ${referenceName} after ${seconds} s.`;
      const reached = timeTo(curveOf(referenceName).at(-1)!, curveOf(name), times);
      const gain = `reaches its final loss in ${(reached! / seconds).toFixed(2)} of its time`;
      return at === 0
        ? `${name} is below ${referenceName} all along and ${gain}.`
        : `${name} crosses ${referenceName} at ${at.toFixed(0)} s, stays below it and ${gain}.`;
    });
  return [table(header, rows), ...lines].join('\n');
}
