import type { FlightEntry, FlightRecord } from '../communicator/Communicator.js';

/** One thing that went wrong in one group. */
export interface FlightFinding {
  group: string;
  kind: 'no record' | 'never entered' | 'disagreement' | 'not finished';
  /** The collective's number; absent where a rank left no record. */
  sequence?: number;
  ranks: number[];
  /** The finding in one sentence. */
  text: string;
}

/** What the flight records of a run show. */
export interface FlightAnalysis {
  findings: FlightFinding[];
  /** Each group with its ranks' own reasons for failing. */
  groups: { name: string; size: number; reasons: { rank: number; reason: string }[] }[];
}

/**
 * Reads the flight records that the ranks of a run have left and says what went wrong: which rank left none, where the
 * ranks disagree, who never entered the first collective that did not end, and who entered it and did not finish.
 */
export function analyzeFlightRecords(records: readonly FlightRecord[]): FlightAnalysis {
  const groups = new Map<string, FlightRecord[]>();
  for (const record of records) {
    const own = groups.get(record.group);
    if (own) own.push(record);
    else groups.set(record.group, [record]);
  }
  const sorted = [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    findings: sorted.flatMap(([, members]) => analyzeGroup(members)),
    groups: sorted.map(([name, members]) => ({
      name,
      size: members[0]!.size,
      reasons: byRank(members).map(({ rank, reason }) => ({ rank, reason })),
    })),
  };
}

function byRank(records: FlightRecord[]): FlightRecord[] {
  return [...records].sort((a, b) => a.rank - b.rank);
}

function analyzeGroup(members: FlightRecord[]): FlightFinding[] {
  const records = byRank(members);
  const { group, size } = records[0]!;
  const findings: FlightFinding[] = [];

  const left = new Set(records.map(({ rank }) => rank));
  const silent: number[] = [];
  for (let rank = 0; rank < size; rank++) if (!left.has(rank)) silent.push(rank);
  const silence = new Set(silent);
  if (silent.length > 0) {
    const text = `${named(silent)} left no record: killed, or still running`;
    findings.push({ group, kind: 'no record', ranks: silent, text });
  }

  const sequence = firstUnfinished(records);
  if (sequence === undefined) return findings;
  const entries = records.map((record) => ({ rank: record.rank, entry: find(record, sequence), record }));
  const present = entries.filter((each): each is { rank: number; entry: FlightEntry; record: FlightRecord } =>
    entered(each.entry),
  );
  const calls = groupBy(present, ({ entry }) => entry.call);
  const common = calls.map(([call, ranks]) => `${named(ranks.map(({ rank }) => rank))} called ${call}`);
  if (calls.length > 1) {
    const ranks = present.map(({ rank }) => rank);
    const text = `the ranks disagree on collective ${sequence}: ${common.join('; ')}`;
    findings.push({ group, kind: 'disagreement', sequence, ranks, text });
  }

  const absent = entries.filter(({ entry }) => !entered(entry)).map(({ rank }) => rank);
  // Data moves only when all have entered: a rank without a record is missing where the others still waited for it.
  const waitedFor = present.flatMap(({ entry }) => (entry.reached === 'waiting for ranks' ? entry.waitingFor : []));
  const missing = [...new Set([...absent, ...waitedFor.filter((rank) => silence.has(rank))])].sort((a, b) => a - b);
  if (missing.length > 0) {
    const text = `${named(missing)} never entered collective ${sequence}: ${common.join('; ') || 'nobody did'}`;
    findings.push({ group, kind: 'never entered', sequence, ranks: missing, text });
  }
  if (missing.length === 0 && calls.length === 1) {
    const open = present.filter(({ entry }) => entry.state !== 'done').map(({ rank }) => rank);
    const stuck = [...open, ...silent].sort((a, b) => a - b);
    const text = `all ranks entered collective ${sequence}, ${calls[0]![0]}; ${named(stuck)} did not finish it`;
    findings.push({ group, kind: 'not finished', sequence, ranks: stuck, text });
  }
  return findings;
}

/** The earliest collective that some rank has not done. */
function firstUnfinished(records: FlightRecord[]): number | undefined {
  const open = records.flatMap(({ entries }) => entries.filter(({ state }) => state !== 'done'));
  if (open.length > 0) return open.reduce((first, { sequence }) => Math.min(first, sequence), Infinity);
  // All that was entered was done: who is behind the others has not entered the next one.
  const last = records.map(({ entries }) => entries.at(-1)?.sequence ?? -1);
  const [least, most] = [last.reduce((a, b) => Math.min(a, b)), last.reduce((a, b) => Math.max(a, b))];
  return least < most ? least + 1 : undefined;
}

function find({ entries }: FlightRecord, sequence: number): FlightEntry | undefined {
  return entries.find((entry) => entry.sequence === sequence);
}

/** Whether the rank's turn for this collective had come: one that only stood in the queue has told the others nothing. */
function entered(entry: FlightEntry | undefined): boolean {
  return entry !== undefined && entry.startedMs > 0;
}

function groupBy<Item>(items: Item[], key: (item: Item) => string): [string, Item[]][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const own = groups.get(key(item));
    if (own) own.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups];
}

/** How many ranks a sentence names; of more it says how many they are. */
const maxNamed = 64;

function named(ranks: number[]): string {
  if (ranks.length === 1) return `rank ${ranks[0]}`;
  if (ranks.length > maxNamed)
    return `ranks ${ranks.slice(0, maxNamed).join(', ')} and ${ranks.length - maxNamed} more`;
  return `ranks ${ranks.slice(0, -1).join(', ')} and ${ranks.at(-1)}`;
}
