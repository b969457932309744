import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Command } from 'commander';

import type { FlightRecord } from '../communicator/Communicator.js';
import { analyzeFlightRecords } from '../flight/analyzeFlightRecords.js';
import { LaunchError } from './LaunchError.js';
import type { Terminal } from './Terminal.js';

/** `scmoe flight-recorder`: reads the records that failed ranks left in a folder and says who was missing. */
export function flightRecorderCommand(terminal: Terminal, setExitCode: (code: number) => void): Command {
  return new Command('flight-recorder')
    .description('Reads the records that ranks left when a collective failed, and names who was missing.')
    .argument('<folder>', "the records' folder (SCMOE_FLIGHT_RECORDER_DIR of the run)")
    .action((folder: string) => {
      const { findings, groups } = analyzeFlightRecords(readRecords(folder));
      for (const { name, size, reasons } of groups) {
        terminal.out.write(`group ${name}, ${size} ranks:\n`);
        for (const { rank, reason } of reasons) terminal.out.write(`  rank ${rank}: ${reason}\n`);
        const here = findings.filter(({ group }) => group === name);
        for (const { text } of here) terminal.out.write(`  => ${text}\n`);
        if (here.length === 0) terminal.out.write('  => all ranks finished the same collectives\n');
      }
      setExitCode(0);
    });
}

function readRecords(folder: string): FlightRecord[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw new LaunchError(`Can't read ${folder}: ${(error as Error).message}`, { cause: error });
  }
  const records = names.map((name) => readRecord(join(folder, name)));
  if (records.length === 0) throw new LaunchError(`${folder} holds no records: expected .json files, one a rank.`);
  return records;
}

function readRecord(path: string): FlightRecord {
  let record: Partial<FlightRecord>;
  try {
    record = JSON.parse(readFileSync(path, 'utf8')) as Partial<FlightRecord>;
  } catch (error) {
    throw new LaunchError(`${path} is no flight record: ${(error as Error).message}`, { cause: error });
  }
  const { group, rank, size, entries } = record ?? {};
  if (typeof group === 'string' && Number.isInteger(rank) && Number.isInteger(size) && Array.isArray(entries)) {
    return record as FlightRecord;
  }
  throw new LaunchError(`${path} is no flight record: expected group, rank, size and entries.`);
}
