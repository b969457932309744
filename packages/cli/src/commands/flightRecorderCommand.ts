import { analyzeFlightRecords, readFlightRecords, type Terminal } from '@scmoe/comm/launch';
import { Command } from 'commander';

import { plain } from './table.js';

/** `scmoe flight-recorder`: reads the records that failed ranks left in a folder and says who was missing. */
export function flightRecorderCommand(terminal: Terminal): Command {
  return new Command('flight-recorder')
    .description('Reads the records that ranks left when a collective failed, and names who was missing.')
    .argument('<folder>', "the records' folder (SCMOE_FLIGHT_RECORDER_DIR of the run)")
    .action((folder: string) => {
      const { findings, groups } = analyzeFlightRecords(readFlightRecords(folder));
      for (const { name, size, reasons } of groups) {
        terminal.out.write(`group ${plain(name)}, ${size} ranks:\n`);
        for (const { rank, reason } of reasons) terminal.out.write(`  rank ${rank}: ${plain(reason)}\n`);
        const here = findings.filter(({ group }) => group === name);
        for (const { text } of here) terminal.out.write(`  => ${plain(text)}\n`);
        if (here.length === 0) terminal.out.write('  => all ranks finished the same collectives\n');
      }
    });
}
