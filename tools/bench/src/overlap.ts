// `npm run bench:overlap`: the tables of docs/measurements/overlap.md, contenders alternating, on two ranks of a
// network lab whose rates are calibrated to shares of communication.
import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';

import { networkLabProblem, withNetworkLab } from '@scmoe/netlab';

import { callerPath } from './callerPath.js';
import { machineLine } from './machine.js';
import { findPyTorch } from './python.js';
import { readOptions } from './readOptions.js';
import { headlineLines, headlineText, type HeadlineCell } from './suites/overlap/headline.js';
import { layerNames } from './suites/overlap/layers.js';
import { overlapSuite } from './suites/overlap/overlapSuite.js';
import {
  computations,
  defaultShape,
  type Computations,
  type Level,
  type OverlapShape,
} from './suites/overlap/OverlapShape.js';

const options = readOptions({
  shares: { type: 'string', default: '0.15,0.5,0.6' },
  levels: { type: 'string', default: 'pair,model' },
  rounds: { type: 'string' },
  candidates: { type: 'string' },
  minutes: { type: 'string' },
  ranks: { type: 'string', default: '2' },
  computation: { type: 'string', default: 'kernels' },
  python: { type: 'string' },
  layers: { type: 'string', default: layerNames.join() },
  shape: { type: 'string', default: '' },
  out: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
});
if (options.help) {
  console.log(
    `npm run bench:overlap [-- --shares 0.15,0.5,0.6] [--levels pair,model] [--rounds 5 | --minutes M] [--candidates 3] [--layers ${layerNames.join()}] [--ranks 2] [--computation kernels|waits|both] [--shape NAME=NUMBER,...] [--python PYTHON | none] [--out FOLDER]

--rounds      rounds of training steps of a pair; there are more where steps are short, fewer of models
--minutes     how long all of it may take, calibration included: as many rounds as fit, at least 3 (a share of pairs needs about 2 minutes)
--candidates  rounds of the plans of a pair that were not chosen, which find the best of all plans; by default 3, and 0 with --minutes
--ranks       hosts of the network lab, 2 to 8, one rank each
--computation kernels compute; with waits they hold their thread as long as they were timed to take and leave its core alone, so that there may be more ranks than cores; both: each step once so and once so
--shape       what differs from ${Object.entries(defaultShape)
      .map(([name, value]) => `${name}=${value}`)
      .join(',')}
--python      a Python that has PyTorch, which runs top-2 and pos2 beside; by default SCMOE_PYTHON or python3
--out         where to write report.md; headline.md and headline.jsonl (the table and its numbers); the measured times, which \`scmoe simulate --costs\` and \`scmoe plan --costs\` read; and pictures of steps`,
  );
  process.exit(0);
}

const shares = options.shares.split(',').map(Number);
const levels = options.levels.split(',') as Level[];
const rounds = Number(options.rounds ?? 5);
const minutes = options.minutes === undefined ? undefined : Number(options.minutes);
const candidateRounds = Number(options.candidates ?? (minutes === undefined ? Math.min(3, rounds) : 0));
const ranks = Number(options.ranks);
const computation = options.computation as Computations;
const asked = options.layers.split(',');
const layers = layerNames.filter((name) => asked.includes(name));
const shape = parseShape(options.shape);
const folder = options.out === undefined ? undefined : callerPath(options.out);
const wrong =
  (shape === undefined &&
    `--shape: expected name=number,... with names of ${Object.keys(defaultShape).join(', ')}, got ${options.shape}`) ||
  (shares.some((share) => !(share > 0 && share < 1)) &&
    `--shares: expected numbers between 0 and 1, got ${options.shares}`) ||
  (levels.some((level) => level !== 'pair' && level !== 'model') &&
    `--levels: expected pair, model or both, got ${options.levels}`) ||
  (!(asked.length === layers.length && layers.includes('top2') && layers.includes('pos2')) &&
    `--layers: expected top2, pos2 and others of ${layerNames.join()}, got ${options.layers}`) ||
  (options.rounds !== undefined &&
    minutes !== undefined &&
    '--rounds: expected none with --minutes, which says how many fit') ||
  (!(Number.isInteger(rounds) && rounds >= 1) && `--rounds: expected a whole number from 1, got ${options.rounds}`) ||
  (minutes !== undefined &&
    !(minutes > 0 && minutes < 1e4) &&
    `--minutes: expected a number > 0, got ${options.minutes}`) ||
  (!(Number.isInteger(candidateRounds) && candidateRounds >= 0) &&
    `--candidates: expected a whole number from 0, got ${options.candidates}`) ||
  (!(Number.isInteger(ranks) && ranks >= 2 && ranks <= 8) &&
    `--ranks: expected a whole number from 2 to 8, got ${options.ranks}`) ||
  (!computations.includes(computation) &&
    `--computation: expected ${computations.join(', ')}, got ${options.computation}`) ||
  (shape !== undefined &&
    shape.numExperts % ranks !== 0 &&
    `--shape: expected a numExperts that ${ranks} ranks divide, got ${shape.numExperts}`) ||
  networkLabProblem();
if (wrong) {
  console.error(wrong);
  process.exit(2);
}

const report: string[] = [];
/** npm's output drops empty lines, which Markdown needs: the report is a file as well. */
function say(text: string): void {
  console.log(text);
  report.push(text);
  if (folder !== undefined) writeFileSync(join(folder, 'report.md'), report.join('\n'));
}

if (folder !== undefined) mkdirSync(folder, { recursive: true });
const machine = machineLine();
say(machine);
const cells: HeadlineCell[] = [];
await withNetworkLab({ ranks, rate: '200mbit', pin: true }, async (lab) => {
  if (!lab.pinned && computation !== 'waits') say('Not pinned: fewer cores than ranks.');
  const began = performance.now();
  const about: string[] = [];
  for await (const { title, text, cell, costs, timeline } of overlapSuite(lab, {
    shape: shape!,
    shares,
    levels,
    layers,
    effort: { rounds, candidateRounds, ...(minutes !== undefined && { minutes }) },
    computation,
    // It would compute, where ours waits.
    python: options.python === 'none' || computation === 'waits' ? undefined : findPyTorch(options.python),
  })) {
    say(`\n## ${title}\n\n${text}`);
    if (cell) cells.push(cell);
    else about.push(text);
    if (folder === undefined) continue;
    if (costs) writeFileSync(join(folder, `${costs.name}.json`), `${JSON.stringify(costs.content, null, 2)}\n`);
    if (timeline) writeFileSync(join(folder, `${timeline.name}.svg`), timeline.content);
    // After each cell, so that a run that is ended leaves what it had.
    if (cell) writeHeadline(folder, about, cells);
  }
  for (const level of levels) say(`\n## Headline, ${level}\n\n${headlineText(cells, level)}`);
  say(`\nThat took ${((performance.now() - began) / 60_000).toFixed(1)} minutes.`);
});

/** The page of the table, and its numbers. */
function writeHeadline(into: string, about: readonly string[], done: readonly HeadlineCell[]): void {
  const tables = levels
    .filter((level) => done.some((cell) => cell.level === level))
    .map((level) => `## ${level === 'pair' ? 'Block pair' : 'Model'}\n\n${headlineText(done, level)}`);
  // But for places on this machine.
  const given = Object.entries(options).filter(([name, value]) => value && !['python', 'out'].includes(name));
  const command = `npm run bench:overlap -- ${given.map(([name, value]) => `--${name} ${value}`).join(' ')}`;
  const page = [
    '# The headline table',
    `Written by \`${command}\`; how to read it: [Overlap](../measurements/overlap.md#how-to-read-the-tables).`,
    `${machine}. Load of the machine at the end: ${loadavg()[0]!.toFixed(1)}.`,
    ...about,
    ...tables,
    // Drawn from the numbers beside it, where both are kept.
    ...(done.some(({ level }) => level === 'pair')
      ? ['![Speed-ups of a block pair, and their bounds](headline.svg)']
      : []),
  ];
  writeFileSync(join(into, 'headline.md'), `${page.join('\n\n')}\n`);
  writeFileSync(join(into, 'headline.jsonl'), headlineLines(done));
}

/** The default with what `name=number,...` changes of it; undefined where it is not that. JSON would lose its quotes in npm. */
function parseShape(text: string): OverlapShape | undefined {
  const entries = text.split(',').filter(Boolean);
  const changes = entries.map((entry) => entry.split('=')).map(([name, value]) => [name, Number(value)] as const);
  const areKnown = changes.every(([name, value]) => name! in defaultShape && value > 0);
  return areKnown ? { ...defaultShape, ...(Object.fromEntries(changes) as Partial<OverlapShape>) } : undefined;
}
