import { readFileSync, writeFileSync } from 'node:fs';

import { writeChromeTrace, type Span } from '@scmoe/scheduler';

import { scmoe, temporaryFiles } from '../testing/scmoe.js';

const file = temporaryFiles();

describe('scmoe timeline', () => {
  const computation = (operator: string, startMs: number, endMs: number): Span => {
    return { rank: 0, track: 'compute', operator, startMs, endMs };
  };
  const spans: Span[] = [
    computation('attention1', 0, 6),
    { rank: 0, track: 'communication', operator: 'dispatch', startMs: 6, endMs: 12 },
    computation('expert', 12, 15),
  ];
  const trace = file('step.json');
  writeFileSync(trace, writeChromeTrace({ title: 'sequential', spans }));

  it('draws a trace beside it and says what was hidden', async () => {
    const { code, out } = await scmoe('timeline', trace);
    expect(code).toBe(0);
    expect(out).toContain('sequential: step 15 ms, 0% of communication hidden');
    expect(out).toMatch(/rank 0 +9 +6 +6 +0%/);
    expect(readFileSync(file('step.svg'), 'utf8')).toMatch(/^<svg /);
  });

  it('draws PNG where the file is called so', async () => {
    expect((await scmoe('timeline', trace, '-o', file('step.png'))).code).toBe(0);
    expect(readFileSync(file('step.png')).subarray(1, 4).toString()).toBe('PNG');
  });

  it('puts files of several ranks into one step', async () => {
    const second = file('rank1.json');
    writeFileSync(second, writeChromeTrace({ title: '', spans: spans.map((span) => ({ ...span, rank: 1 })) }));
    const { out } = await scmoe('timeline', '--merge', trace, second);
    expect(out.match(/rank \d/g)).toEqual(['rank 0', 'rank 1']);
    expect(out.match(/ of communication hidden/g)).toHaveLength(1);
  });

  it("prints what a stranger's trace is called as it is, but nothing that moves the cursor", async () => {
    const many = Array.from({ length: 300 }, (_, rank) => ({ ...spans[0]!, rank }));
    writeFileSync(file('odd.json'), writeChromeTrace({ title: '\u001b[2J__proto__\nx\u0007', spans: many }));
    const { code, out } = await scmoe('timeline', file('odd.json'));
    expect(out).toMatch(/^\[2J__proto__x: step 6 ms/);
    expect(out).toMatch(/rank 255 [^]+\n {2}and 44 more ranks\n/);
    expect(code).toBe(0);
  });

  it('names the file that is no trace', async () => {
    writeFileSync(file('other.json'), '{}');
    expect(await scmoe('timeline', file('other.json'))).toMatchObject({
      code: 1,
      err: `scmoe: ${file('other.json')}: not a trace: it has no traceEvents\n`,
    });
    expect((await scmoe('timeline', file('missing.json'))).err).toMatch(/can't read .*missing.json: ENOENT/);
  });
});
