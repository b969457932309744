import { serveStore } from './openWorld.js';
import { startRankProcess } from './rankProcess.js';

/** Runs rankProgram.ts as every rank of a world. @returns what each has printed as its last line, as JSON, by rank */
export async function runInRanks(size: number, args: string[]): Promise<unknown[]> {
  const server = await serveStore();
  const ranks = Array.from({ length: size }, (_, rank) => startRankProcess({ rank, size, port: server.port }, args));
  const ends = await Promise.all(ranks.map(({ ended }) => ended));
  await server.close();
  return ranks.map((process, rank) => {
    const output = process.output();
    if (ends[rank] !== 0) throw new Error(`rank ${rank} ended with ${ends[rank]}:\n${output}`);
    return JSON.parse(output.split('\n').at(-1)!) as unknown;
  });
}
