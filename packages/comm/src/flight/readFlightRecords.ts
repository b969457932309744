import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ArgumentError, valueText } from '@scmoe/errors';

import type { FlightEntry, FlightRecord } from '../communicator/Communicator.js';

/** More ranks than any run has, and few enough to be listed in memory. */
const maxRanks = 2 ** 24;

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
  const hasNumbers = isWhole(size, maxRanks) && isWhole(rank, size - 1);
  if (typeof group !== 'string' || !hasNumbers || !Array.isArray(entries)) {
    throw new ArgumentError(`${path} is no flight record: expected group, rank, size and entries`);
  }
  const wrong = entries.find((entry) => !isEntry(entry)) as unknown;
  if (wrong !== undefined) {
    throw new ArgumentError(
      `${path} is no flight record: expected entries with sequence, call, state and startedMs, got ${valueText(wrong)}`,
    );
  }
  const { reason } = record;
  return { ...record, reason: typeof reason === 'string' ? reason : '' } as FlightRecord;
}

function isEntry(entry: unknown): entry is FlightEntry {
  if (typeof entry !== 'object' || entry === null) return false;
  const { sequence, call, state, startedMs, waitingFor } = entry as Partial<FlightEntry>;
  return (
    isWhole(sequence, Number.MAX_SAFE_INTEGER) &&
    typeof call === 'string' &&
    typeof state === 'string' &&
    typeof startedMs === 'number' &&
    Array.isArray(waitingFor) &&
    waitingFor.every((rank) => isWhole(rank, maxRanks))
  );
}

function isWhole(value: unknown, maximum: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= maximum;
}
