// Draws the plots of docs/scaling.md, docs/experts.md, docs/overlap and docs/measurements: npx nx run @scmoe/scaling:plots
import { mkdirSync, writeFileSync } from 'node:fs';

import { View, parse } from 'vega';
import { compile } from 'vega-lite';

import { predictedTimelines } from './predictedTimelines.mjs';
import { balancePlot } from './balancePlot.mjs';
import { expertStorePlot } from './expertStorePlot.mjs';
import { headlinePlot } from './headlinePlot.mjs';
import { predictionPlot } from './predictionPlot.mjs';
import { ranksPlot } from './ranksPlot.mjs';
import { secondsPlot } from './secondsPlot.mjs';
import { sharePlot } from './sharePlot.mjs';

const docs = new URL('../../docs/', import.meta.url);

for (const [name, specification] of Object.entries({
  'scaling/share': sharePlot(),
  'scaling/ranks': ranksPlot(),
  'experts/balance': balancePlot(),
  'experts/store': expertStorePlot(),
  'experts/seconds': secondsPlot(),
  'overlap/headline': headlinePlot(),
  'overlap/two-ranks': predictionPlot('two'),
  'overlap/four-ranks': predictionPlot('four'),
})) {
  if (specification === undefined) continue;
  const { spec } = compile(specification);
  const svg = await new View(parse(spec), { renderer: 'none' }).toSVG();
  // A hundredth of a pixel is enough, and keeps the files small.
  write(
    name,
    svg.replace(/\d+\.\d{3,}/g, (number) => Number(number).toFixed(2)),
  );
}
write('scaling/timeline', predictedTimelines());

function write(name, svg) {
  const file = new URL(`${name}.svg`, docs);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, svg);
  console.log(`docs/${name}.svg`);
}
