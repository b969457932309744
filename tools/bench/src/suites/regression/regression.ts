import type { Contender } from '../../Contender.js';
import { alternate } from '../../alternate.js';
import { median } from '../../statistics.js';
import { table } from '../../table.js';
import { Build, ownFolder } from './Build.js';
import { Findings } from './Findings.js';
import { verdictOf, type Comparison } from './verdict.js';

/** Options of `regressionSuite`. */
export interface RegressionOptions {
  /** Folder of the checkout to compare with. */
  before: string;
  /** Folder of the other one; this checkout by default. */
  after?: string;
  rounds?: number;
  /** What a case may be slower by and still be as fast. */
  tolerance?: number;
  threads?: readonly string[];
  precisions?: readonly string[];
  /** Only the cases whose names have one of these words. */
  only?: readonly string[];
  /** A file of what has been found: cases that it has are not measured again, others are added. */
  resultsPath?: string;
  /** After so many seconds no further case is begun: with `resultsPath` the next run goes on there. */
  budgetSeconds?: number;
}

const steps = ['gptStep', 'vitStep', 'convnetStep'];
const confirmations = 3;

/**
 * Two builds over all suites that are about speed, in turn within one run: what got worse comes first. What looks worse is
 * measured again, longer, before it is called that.
 */
export async function regressionSuite({
  before,
  after = ownFolder,
  rounds = 5,
  tolerance = 0.05,
  threads = ['1'],
  precisions = ['float32', 'bf16'],
  only,
  resultsPath,
  budgetSeconds,
}: RegressionOptions): Promise<string> {
  const builds = [new Build(before), new Build(after)] as const;
  const wanted = (name: string) => !only || only.some((word) => name.includes(word));
  const names = builds.map(({ commit }) => commit).join(' ');
  const findings = new Findings({ builds: names, path: resultsPath, budgetSeconds });
  const problems: string[] = [];
  for (const count of threads) {
    for (const precision of precisions) {
      const common = ['--threads', count, '--precision', precision];
      const about = `${precision}, ${count} ${count === '1' ? 'thread' : 'threads'}`;
      const small = await startBoth(builds, 'smallCases', common);
      // Where a precision can't be had, products run in float32: that has been measured.
      const isHad = small[1].ready.version.startsWith(precision);
      for (const [name, numbers] of isHad ? casesOf(small) : []) {
        const title = `${name} (${about})`;
        if (!wanted(name)) continue;
        if (numbers[0] < 0) problems.push(`${name}: not before`);
        else if (findings.wants(title)) {
          const ask = (i: 0 | 1) => async () => (await small[i].ask(`time ${numbers[i]}`)).seconds;
          const found = await compare(title, ask(0), ask(1), rounds, tolerance).catch((error: Error) => {
            problems.push(`${name}: ${error.message}`);
          });
          if (found) findings.add(found);
        }
      }
      for (const contender of small) contender.stop();
      for (const mode of isHad ? ['train', 'forward'] : []) {
        for (const worker of steps) {
          const title = `${worker} ${mode} (${about})`;
          if (!wanted(worker) || (worker === 'convnetStep' && precision !== 'float32') || !findings.wants(title))
            continue;
          const found = await compareSteps(builds, worker, [...common, '--mode', mode], title, rounds, tolerance);
          for (const comparison of found) findings.add(comparison);
        }
      }
    }
  }
  return report(builds, findings, problems, tolerance);
}

async function startBoth(
  builds: readonly [Build, Build],
  worker: string,
  args: readonly string[],
): Promise<[Contender, Contender]> {
  return [await builds[0].start(worker, args), await builds[1].start(worker, args)];
}

/** Names of cases, and their numbers here and there. */
function casesOf(small: readonly [Contender, Contender]): [name: string, numbers: [number, number]][] {
  const [first, second] = small.map(({ ready }) => ready.cases ?? []) as [string[], string[]];
  return second.map((name, i) => [name, [first.indexOf(name), i]]);
}

async function compare(
  name: string,
  before: () => Promise<number>,
  after: () => Promise<number>,
  rounds: number,
  tolerance: number,
): Promise<Comparison> {
  const times = async (count: number): Promise<Comparison> => {
    const seconds = await alternate([{ name: 'before', run: before }, { name: 'after', run: after }], count); // prettier-ignore
    return { name, unit: 's', before: seconds.get('before')!, after: seconds.get('after')! };
  };
  const first = await times(rounds);
  const isSuspect = verdictOf(first, tolerance).is === 'worse';
  const found = isSuspect ? await times(confirmations * rounds) : first;
  if ([...found.before, ...found.after].some((seconds) => !Number.isFinite(seconds)))
    throw new Error('one of the builds fails');
  console.error(rowOf(found, tolerance).join('  '));
  return found;
}

async function compareSteps(
  builds: readonly [Build, Build],
  worker: string,
  args: readonly string[],
  name: string,
  rounds: number,
  tolerance: number,
): Promise<Comparison[]> {
  const both = await startBoth(builds, worker, args);
  // As in the other cases: of one thread its time on a CPU.
  const isAlone = args[args.indexOf('--threads') + 1] === '1';
  const bytes: [number[], number[]] = [[], []];
  const step = (i: 0 | 1) => async () => {
    const { seconds, cpuSeconds = seconds, peakBytes = 0 } = await both[i].run(1);
    bytes[i] = [peakBytes];
    return isAlone ? cpuSeconds : seconds;
  };
  const time = await compare(name, step(0), step(1), rounds, tolerance);
  for (const contender of both) contender.stop();
  return [time, { name: `${name}, peak memory`, unit: 'bytes', before: bytes[0], after: bytes[1] }];
}

function rowOf(comparison: Comparison, tolerance: number): string[] {
  const { name, unit, before, after } = comparison;
  const { ratio, noise, is } = verdictOf(comparison, tolerance);
  const ms = (seconds: number) => (seconds >= 0.1 ? (seconds * 1e3).toFixed(0) : (seconds * 1e3).toPrecision(3));
  const text = (value: number) => (unit === 's' ? `${ms(value)} ms` : `${(value / 2 ** 20).toFixed(0)} MiB`);
  const words = is === 'equal' ? '' : is;
  return [name, text(median(before)), text(median(after)), ratio.toFixed(2), `± ${noise.toFixed(2)}`, words];
}

function report(
  builds: readonly [Build, Build],
  { compared, left }: Findings,
  problems: readonly string[],
  tolerance: number,
): string {
  if (compared.length === 0) return `Nothing was compared; ${left} cases are left.`;
  const ratio = (comparison: Comparison) => verdictOf(comparison, tolerance).ratio;
  const sorted = compared.toSorted((a, b) => ratio(b) - ratio(a));
  const worse = sorted.filter((comparison) => verdictOf(comparison, tolerance).is === 'worse');
  const header = ['case', `before (${builds[0].commit})`, `after (${builds[1].commit})`, 'after / before', 'noise', ''];
  const all = median(compared.map(ratio)).toFixed(2);
  const total = `${worse.length} of ${compared.length} got worse by more than ${(tolerance * 100).toFixed(0)} % and their noise; median ratio ${all}.${left > 0 ? ` There was no time for ${left} cases: the same command with the same --results goes on.` : ''}`;
  const failed = problems.length > 0 ? `\n\nNot compared: ${problems.join('; ')}.` : '';
  return `${table(
    header,
    sorted.map((comparison) => rowOf(comparison, tolerance)),
  )}\n\n${total}${failed}`;
}
