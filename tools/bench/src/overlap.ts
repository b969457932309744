// `npm run bench:overlap`: the tables of docs/measurements/overlap.md, contenders alternating, on two ranks of a
// network lab whose rates are calibrated to shares of communication.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { networkLabProblem, withNetworkLab } from '@scmoe/netlab';

import { callerPath } from './callerPath.js';
import { machineLine } from './machine.js';
import { findPyTorch } from './python.js';
import { layerNames, type LayerName } from './suites/overlap/layers.js';
import { overlapSuite } from './suites/overlap/overlapSuite.js';
import { defaultShape, type Level, type OverlapShape } from './suites/overlap/OverlapShape.js';

const { values: options } = parseArgs({
  options: {
    shares: { type: 'string', default: '0.15,0.5,0.6' },
    levels: { type: 'string', default: 'pair,model' },
    rounds: { type: 'string', default: '5' },
    layers: { type: 'string', default: layerNames.join() },
    shape: { type: 'string', default: '' },
    out: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  console.log(
    `npm run bench:overlap [-- --shares 0.15,0.5,0.6] [--levels pair,model] [--rounds 5] [--layers ${layerNames.join()}] [--shape NAME=NUMBER,...] [--out FOLDER]

--shape  what differs from ${Object.entries(defaultShape)
      .map(([name, value]) => `${name}=${value}`)
      .join(',')}
--out    where to write the measured times, which \`scmoe simulate --costs\` reads, and pictures of steps`,
  );
  process.exit(0);
}

const shares = options.shares.split(',').map(Number);
const levels = options.levels.split(',') as Level[];
const rounds = Number(options.rounds);
const layers = layerNames.filter((name) => options.layers.split(',').includes(name));
const shape = parseShape(options.shape);
const folder = options.out === undefined ? undefined : callerPath(options.out);
const wrong =
  (shape === undefined &&
    `--shape: expected name=number,... with names of ${Object.keys(defaultShape).join(', ')}, got ${options.shape}`) ||
  (shares.some((share) => !(share > 0 && share < 1)) &&
    `--shares: expected numbers between 0 and 1, got ${options.shares}`) ||
  (levels.some((level) => level !== 'pair' && level !== 'model') &&
    `--levels: expected pair, model or both, got ${options.levels}`) ||
  (!['top2', 'pos2'].every((name) => layers.includes(name as LayerName)) &&
    `--layers: expected top2, pos2 and others of ${layerNames.join()}, got ${options.layers}`) ||
  (!(Number.isInteger(rounds) && rounds >= 1) && `--rounds: expected a whole number from 1, got ${options.rounds}`) ||
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
say(machineLine());
await withNetworkLab({ ranks: 2, rate: '200mbit', pin: true }, async (lab) => {
  if (!lab.pinned) say('Not pinned: fewer than two cores.');
  for await (const { title, text, costs, timeline } of overlapSuite(lab, {
    shape: shape!,
    shares,
    levels,
    layers,
    rounds,
    python: findPyTorch(),
  })) {
    say(`\n## ${title}\n\n${text}`);
    if (folder === undefined) continue;
    if (costs) writeFileSync(join(folder, `${costs.name}.json`), `${JSON.stringify(costs.content, null, 2)}\n`);
    if (timeline) writeFileSync(join(folder, `${timeline.name}.svg`), timeline.content);
  }
});

/** The default with what `name=number,...` changes of it; undefined where it is not that. JSON would lose its quotes in npm. */
function parseShape(text: string): OverlapShape | undefined {
  const entries = text.split(',').filter(Boolean);
  const changes = entries.map((entry) => entry.split('=')).map(([name, value]) => [name, Number(value)] as const);
  const areKnown = changes.every(([name, value]) => name! in defaultShape && value > 0);
  return areKnown ? { ...defaultShape, ...(Object.fromEntries(changes) as Partial<OverlapShape>) } : undefined;
}
