import { createInterface } from 'node:readline';

/** Time of the tokens behind each text's first one, and the first text's tokens. */
export interface DecodeRun {
  seconds: number;
  tokens: readonly number[];
}

/** A prompt of plain tokens, another one for each text. */
export function benchPrompt(length: number, text: number): number[] {
  return Array.from({ length }, (_, i) => 300 + ((i * 37 + text * 101) % 500));
}

/** Answers each line `run N` with one JSON line, until something else comes, and ends the process. The prompts are read before. */
export async function serveRuns(run: (steps: number) => Promise<DecodeRun>, version: string): Promise<never> {
  // As long as it takes until programs are compiled.
  await run(64);
  console.log(JSON.stringify({ ready: true, version, firstStepSeconds: performance.now() / 1e3, parameters: 0 }));
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.split(' ');
    if (command !== 'run') break;
    console.log(JSON.stringify({ loss: 0, ...(await run(Number(count))) }));
  }
  process.exit(0);
}
