import { basename, extname } from 'node:path';

import type { Terminal } from '@scmoe/comm/launch';
import { ArgumentError } from '@scmoe/errors';
import { drawTimeline, formatMs, readChromeTrace, summarizeTrace, type Trace } from '@scmoe/scheduler';
import { Command } from 'commander';

import { readText, writePicture } from './files.js';
import { pictureFile, wholeNumber } from './parsers.js';
import { percent, plain, table } from './table.js';

/** Ranks that the report lists. */
const maxRows = 256;

interface Options {
  readonly output?: string;
  readonly merge?: boolean;
  readonly maxRanks: number;
  readonly width: number;
}

/** `scmoe timeline`: draws traces and says what of the communication was hidden. */
export function timelineCommand(terminal: Terminal): Command {
  return new Command('timeline')
    .description('Draws the trace of a step: computation and communication of each rank, and what was not hidden.')
    .argument('<traces...>', 'Chrome trace files; several are drawn below each other on one time scale')
    .option('-o, --output <file>', '.svg or .png (default: the first trace with .svg)', pictureFile)
    .option('--merge', 'the files are ranks of one step, on one clock')
    .option('--max-ranks <n>', 'draw no more ranks than this', wholeNumber(1), 8)
    .option('--width <pixels>', 'width of the picture', wholeNumber(800, 16_384), 1200)
    .action(async (files: string[], { output = svgBeside(files[0]!), merge, maxRanks, width }: Options) => {
      const read = files.map(readTrace);
      const traces = merge ? [mergeRanks(read)] : read;
      await writePicture(output, drawTimeline(traces, { width, maxRanks }));
      for (const trace of traces) terminal.out.write(report(trace));
      terminal.out.write(`picture: ${output}\n`);
    });
}

function svgBeside(file: string): string {
  return `${file.slice(0, file.length - extname(file).length)}.svg`;
}

function readTrace(file: string): Trace {
  try {
    const trace = readChromeTrace(readText(file));
    return { ...trace, title: trace.title || basename(file, extname(file)) };
  } catch (error) {
    if (error instanceof ArgumentError) throw new ArgumentError(`${file}: ${error.message}`);
    throw error;
  }
}

function mergeRanks(traces: readonly Trace[]): Trace {
  return { title: traces[0]!.title, spans: traces.flatMap(({ spans }) => spans) };
}

function report(trace: Trace): string {
  const { stepMs, hiddenShare, ranks } = summarizeTrace(trace);
  const rows = ranks
    .slice(0, maxRows)
    .map(({ rank, computeMs, communicationMs, exposedMs }) => [
      `  rank ${rank}`,
      ...[computeMs, communicationMs, exposedMs].map(formatMs),
      percent(communicationMs === 0 ? 1 : 1 - exposedMs / communicationMs),
    ]);
  return (
    `${plain(trace.title)}: step ${formatMs(stepMs)} ms, ${percent(hiddenShare)} of communication hidden\n` +
    table(['', 'compute ms', 'communication ms', 'exposed ms', 'hidden'], rows) +
    (ranks.length > maxRows ? `  and ${ranks.length - maxRows} more ranks\n` : '')
  );
}
