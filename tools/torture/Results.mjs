// How often each attack was tried and what was lost, over all sessions that write into one file.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';

export class Results {
  tries = [];

  /** @param file one line of JSON a try; without one nothing is kept */
  constructor(file) {
    this.file = file;
    if (file && existsSync(file))
      this.tries = readFileSync(file, 'utf8').trim().split('\n').filter(Boolean).map(JSON.parse);
  }

  /** Adds a try, at once: a session may end at any time. */
  add({ ranks, name }, problem, measured) {
    const result = { at: new Date().toISOString(), ranks, attack: name, ...measured, ...(problem && { problem }) };
    this.tries.push(result);
    if (this.file) appendFileSync(this.file, `${JSON.stringify(result)}\n`);
  }

  of({ ranks, name }) {
    return this.tries.filter((result) => result.ranks === ranks && result.attack === name);
  }
}
