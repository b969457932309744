import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ArgumentError } from '@scmoe/errors';

import type { FlightRecord } from '../communicator/Communicator.js';

/**
 * The records that failed ranks have left in a folder (SCMOE_FLIGHT_RECORDER_DIR of the run): its .json files.
 *
 * @throws ArgumentError for a folder that can't be read or has none, and for a file that is none, with its path
 */
export function readFlightRecords(folder: string): FlightRecord[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch (error) {
    throw new ArgumentError(`can't read ${folder}: ${(error as Error).message}`, { cause: error });
  }
  const records = names.map((name) => readFlightRecord(join(folder, name)));
  if (records.length === 0) throw new ArgumentError(`${folder} holds no records: expected .json files, one a rank`);
  return records;
}

function readFlightRecord(path: string): FlightRecord {
  let record: Partial<FlightRecord>;
  try {
    record = JSON.parse(readFileSync(path, 'utf8')) as Partial<FlightRecord>;
  } catch (error) {
    throw new ArgumentError(`${path} is no flight record: ${(error as Error).message}`, { cause: error });
  }
  const { group, rank, size, entries } = record ?? {};
  if (typeof group === 'string' && Number.isInteger(rank) && Number.isInteger(size) && Array.isArray(entries)) {
    return record as FlightRecord;
  }
  throw new ArgumentError(`${path} is no flight record: expected group, rank, size and entries`);
}
