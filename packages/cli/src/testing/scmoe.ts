import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';

import { runCli } from '../runCli.js';

/** What a command line has printed, and the code it ended with. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs a command line in this process. */
export async function scmoe(...args: string[]): Promise<Outcome> {
  const texts = ['', ''];
  const [out, err] = [0, 1].map(
    (i) =>
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          texts[i] += chunk.toString();
          done();
        },
      }),
  );
  const code = await runCli(args, { out: out!, err: err! });
  return { code, out: texts[0]!, err: texts[1]! };
}

/** Paths in a folder that goes with the test file that asked for it. */
export function temporaryFiles(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'scmoe-cli-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name) => join(folder, name);
}
