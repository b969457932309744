import { ArgumentError, expectInteger, expectPositiveInteger, expectThat } from '@scmoe/errors';

import type { Span } from '../predict/simulatePlan.js';
import { exposedColour, kindOf, legendKinds, paintOf, withoutLayer } from './palette.js';
import { element, text } from './svg.js';
import { summarizeTrace, type TraceSummary } from './summarizeTrace.js';
import { axisTicks, formatMs, tickLabel } from './timeAxis.js';
import type { Trace } from './Trace.js';

/** Size of the picture, and how much of a trace it shows. */
export interface DrawTimelineOptions {
  /** Pixels, at least 800. Default 1200. */
  readonly width?: number;
  /** More ranks than this are left out, which the title then says. Default 8. */
  readonly maxRanks?: number;
}

const margin = 16;
const gutter = 158;
const rowHeight = 30;
const rowGap = 4;
const rankGap = 14;
const titleHeight = 34;
const axisHeight = 34;
const legendRow = 22;
const font = 'DejaVu Sans, Helvetica, Arial, sans-serif';
/** Width of a character of the labels, of which there is no measure without a font. */
const characterWidth = 6.9;
const boldWidth = 8;
/** Exposed time that is narrower, in pixels, is not marked. */
const leastMark = 1;

/**
 * A picture of one or more traces as SVG: for each rank a row of computations and one of exchanges, exposed communication
 * marked in red, the step's time and the hidden share above. Several traces share one time scale and each begins at zero.
 *
 * @throws ArgumentError for no traces, or one without operators
 */
export function drawTimeline(
  traces: Trace | readonly Trace[],
  { width = 1200, maxRanks = 8 }: DrawTimelineOptions = {},
): string {
  expectInteger('width in pixels', width, { minimum: 800 });
  expectPositiveInteger('maxRanks', maxRanks);
  const all = Array.isArray(traces) ? (traces as readonly Trace[]) : [traces as Trace];
  if (all.length === 0) throw new ArgumentError('timeline: expected at least one trace, got none');
  const summaries = all.map((trace, i) => {
    if (trace.spans.length === 0) throw new ArgumentError(`timeline: trace ${i + 1} has no operators`);
    return summarizeTrace(trace);
  });
  const longestMs = timeScale(Math.max(...summaries.map(({ stepMs }) => stepMs)));
  const left = margin + gutter;
  const scale = (width - left - 2 * margin) / longestMs;

  let y = margin;
  const parts: string[] = [];
  all.forEach((trace, i) => {
    const panel = new Panel(trace, summaries[i]!, { left, scale, maxRanks });
    parts.push(panel.draw(y, longestMs));
    y += panel.height;
  });
  const key = legend(all, y, width);
  parts.push(key.drawn);
  const height = y + key.height;
  return element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', width, height, viewBox: `0 0 ${width} ${height}`, 'font-family': font },
    element('defs', {}, hatch()) + element('rect', { width, height, fill: '#ffffff' }) + parts.join(''),
  );
}

/**
 * The length of the axis in ms: 1 where nothing takes a picosecond.
 *
 * @throws ArgumentError for a time that an axis has no words for
 */
function timeScale(longestMs: number): number {
  expectThat(longestMs < 1e15, 'timeline', 'operators within 1e15 ms', longestMs);
  return longestMs < 1e-9 ? 1 : longestMs;
}

interface Placement {
  readonly left: number;
  readonly scale: number;
  readonly maxRanks: number;
}

/** One trace: title, rows, axis. */
class Panel {
  readonly height: number;
  private readonly shown: TraceSummary['ranks'];

  constructor(
    private readonly trace: Trace,
    private readonly summary: TraceSummary,
    private readonly at: Placement,
  ) {
    this.shown = summary.ranks.slice(0, at.maxRanks);
    this.height = titleHeight + this.rowsHeight + axisHeight;
  }

  draw(top: number, longestMs: number): string {
    const rowsTop = top + titleHeight;
    const axisTop = rowsTop + this.rowsHeight - rankGap / 2;
    const ranks = this.shown.map((rank, i) => this.drawRank(rank, rowsTop + i * rankHeight));
    return this.drawTitle(top) + this.drawAxis(rowsTop, axisTop, longestMs) + ranks.join('');
  }

  private get rowsHeight(): number {
    return this.shown.length * rankHeight;
  }

  private x(ms: number): number {
    return this.at.left + (ms - this.summary.startMs) * this.at.scale;
  }

  private drawTitle(top: number): string {
    const { stepMs, exposedMs, hiddenShare, ranks } = this.summary;
    const left = ranks.length - this.shown.length;
    const facts =
      `step ${formatMs(stepMs)} ms · ${Math.round(hiddenShare * 100)}% of communication hidden · ` +
      `exposed ${formatMs(exposedMs)} ms` +
      (left > 0 ? ` · ${left} of ${ranks.length} ranks not shown` : '');
    const spans =
      element('tspan', { 'font-weight': 'bold', 'font-size': 16 }, text(this.trace.title || 'timeline')) +
      element('tspan', { dx: 14, 'font-size': 14, fill: '#3e4c59' }, text(facts));
    return element('text', { x: margin, y: top + 20, fill: '#1f2933' }, spans);
  }

  private drawAxis(rowsTop: number, axisTop: number, longestMs: number): string {
    const ticks = axisTicks(longestMs);
    return ticks
      .map((ms, i) => {
        const x = this.at.left + ms * this.at.scale;
        const last = i === ticks.length - 1;
        return (
          element('line', { x1: x, x2: x, y1: rowsTop - 4, y2: axisTop + 4, stroke: '#e4e7eb' }) +
          label(x, axisTop + 18, `${tickLabel(ms, ticks)}${last ? ' ms' : ''}`, { anchor: 'middle', fill: '#616e7c' })
        );
      })
      .join('');
  }

  private drawRank({ rank, exposed }: TraceSummary['ranks'][number], top: number): string {
    const below = top + rowHeight + rowGap;
    const boxes = this.trace.spans
      .filter((span) => span.rank === rank)
      .map((span) => this.drawSpan(span, span.track === 'compute' ? top : below));
    const marks = exposed.map(({ startMs, endMs }) => {
      const x = this.x(startMs);
      const width = (endMs - startMs) * this.at.scale;
      // Its frame would look as if there were more of it.
      if (width < leastMark) return '';
      const words = `exposed ${formatMs(endMs - startMs)} ms`;
      return (
        element('rect', { x, y: top, width, height: rowHeight, fill: 'url(#hatch)' }) +
        element('rect', {
          x,
          y: below,
          width,
          height: rowHeight,
          fill: 'none',
          stroke: exposedColour,
          'stroke-width': 2.5,
        }) +
        (fits(words, width, boldWidth) ? halo(x + width / 2, top + 19, words) : '')
      );
    });
    const lane = (y: number) =>
      element('rect', {
        x: this.at.left,
        y,
        width: this.summary.stepMs * this.at.scale,
        height: rowHeight,
        fill: '#f5f7fa',
      });
    return (
      label(margin, top + rowHeight + 6, `rank ${rank}`, { weight: 'bold' }) +
      label(this.at.left - 8, top + 19, 'compute', { anchor: 'end', fill: '#616e7c' }) +
      label(this.at.left - 8, below + 19, 'communication', { anchor: 'end', fill: '#616e7c' }) +
      lane(top) +
      lane(below) +
      boxes.join('') +
      marks.join('')
    );
  }

  private drawSpan({ operator, startMs, endMs }: Span, top: number): string {
    const x = this.x(startMs);
    const width = (endMs - startMs) * this.at.scale;
    if (width === 0) return '';
    const { fill, text: colour } = paintOf(operator);
    const hover = element('title', {}, text(`${operator}: ${formatMs(endMs - startMs)} ms`));
    const box = {
      x,
      y: top,
      width: Math.max(width, 0.5),
      height: rowHeight,
      fill,
      stroke: '#ffffff',
      'stroke-width': 0.75,
    };
    const short = operator.replace('sharedExpert', 'shared').replace('attention', 'attn');
    const name = [operator, short, withoutLayer(short)].find((words) => fits(words, width));
    return (
      element('rect', box, hover) +
      (name ? label(x + width / 2, top + 19, name, { anchor: 'middle', fill: colour }) : '')
    );
  }
}

const rankHeight = 2 * rowHeight + rowGap + rankGap;

/** What the colours mean, in as many rows as the width takes. */
function legend(
  traces: readonly Trace[],
  top: number,
  width: number,
): { readonly drawn: string; readonly height: number } {
  const present = new Set(traces.flatMap(({ spans }) => spans.map(({ operator }) => kindOf(operator))));
  const entries = [
    ...legendKinds
      .filter((kind) => present.has(kind))
      .map((kind) => ({ words: kind, paint: { fill: paintOf(kind).fill } })),
    { words: 'exposed: nothing computes beside it', paint: { fill: 'url(#hatch)', stroke: exposedColour } },
  ];
  let [x, y] = [margin, top + 9];
  const drawn = entries.map(({ words, paint }) => {
    const needed = 19 + words.length * characterWidth;
    if (x > margin && x + needed > width - margin) [x, y] = [margin, y + legendRow];
    const entry = element('rect', { x, y, width: 14, height: 14, ...paint }) + label(x + 19, y + 11, words, {});
    x += needed + 16;
    return entry;
  });
  return { drawn: drawn.join(''), height: y + legendRow + margin / 2 - top };
}

function hatch(): string {
  const pattern = { id: 'hatch', width: 7, height: 7, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' };
  return element(
    'pattern',
    pattern,
    element('rect', { width: 7, height: 7, fill: '#fdecee' }) +
      element('rect', { width: 2, height: 7, fill: exposedColour, 'fill-opacity': 0.55 }),
  );
}

function halo(x: number, y: number, words: string): string {
  const common = { x, y, 'text-anchor': 'middle', 'font-size': 12, 'font-weight': 'bold' };
  return (
    element('text', { ...common, stroke: '#ffffff', 'stroke-width': 4, 'stroke-linejoin': 'round' }, text(words)) +
    element('text', { ...common, fill: exposedColour }, text(words))
  );
}

function label(
  x: number,
  y: number,
  words: string,
  { anchor = 'start', fill = '#1f2933', weight = 'normal' }: { anchor?: string; fill?: string; weight?: string },
): string {
  return element('text', { x, y, 'font-size': 12, 'text-anchor': anchor, fill, 'font-weight': weight }, text(words));
}

function fits(words: string, width: number, perCharacter = characterWidth): boolean {
  return words.length * perCharacter + 6 <= width;
}
