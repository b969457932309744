import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a text that a tiny model can learn, and gives the options of a run of a second on it. */
export function tinyRun(folder: string): { text: string; runs: string; options: string[] } {
  const text = join(folder, 'text.txt');
  writeFileSync(text, 'the quick brown fox jumps over the lazy dog. '.repeat(60));
  const runs = join(folder, 'runs');
  const model = { 'd-model': 16, 'num-heads': 2, 'num-layers': 2, 'num-experts': 2, 'sequence-length': 16 };
  const training = {
    data: text,
    'run-dir': runs,
    'batch-size': 2,
    steps: 4,
    'eval-batches': 2,
    threads: 1,
    'sample-tokens': 8,
  };
  const options = Object.entries({ ...model, ...training }).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return { text, runs, options };
}
