// Draws the plots of docs/scaling.md: npx nx run @scmoe/scaling:plots
import { mkdirSync, writeFileSync } from 'node:fs';

import { View, parse } from 'vega';
import { compile } from 'vega-lite';

import { predictedTimelines } from './predictedTimelines.mjs';
import { ranksPlot } from './ranksPlot.mjs';
import { sharePlot } from './sharePlot.mjs';

const folder = new URL('../../docs/scaling/', import.meta.url);
mkdirSync(folder, { recursive: true });

for (const [name, specification] of Object.entries({ share: sharePlot(), ranks: ranksPlot() })) {
  const { spec } = compile(specification);
  const svg = await new View(parse(spec), { renderer: 'none' }).toSVG();
  // A hundredth of a pixel is enough, and keeps the files small.
  write(
    name,
    svg.replace(/\d+\.\d{3,}/g, (number) => Number(number).toFixed(2)),
  );
}
write('timeline', predictedTimelines());

function write(name, svg) {
  writeFileSync(new URL(`${name}.svg`, folder), svg);
  console.log(`docs/scaling/${name}.svg`);
}
