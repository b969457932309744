import { readFileSync, writeFileSync } from 'node:fs';

import { contenders, stageGraph } from '@scmoe/scheduler';

import { scmoe, temporaryFiles } from '../testing/scmoe.js';

const file = temporaryFiles();

describe('scmoe simulate', () => {
  it('compares all kinds of stages on a number of ranks each', async () => {
    const { code, out } = await scmoe('simulate', '--ranks', '2,4096', '--cluster', 'pcie', '--model', 'llama2-7b');
    expect(code).toBe(0);
    expect(out).toContain('llama2-7b on 2 ranks, pcie: train, communication share of top-2 26%');
    expect(out).toContain('llama2-7b on 4096 ranks, pcie');
    expect(out.match(/^ScMoE pos2 .*x .*%/gm)).toHaveLength(4);
  });

  it('takes a measured share in place of model and cluster', async () => {
    const { out } = await scmoe('simulate', '--share', '0.6', '--mode', 'infer', '--json');
    const [{ communicationShare, rows }] = JSON.parse(out) as [
      { communicationShare: number; rows: { name: string; speedup: number }[] },
    ];
    expect(communicationShare).toBeCloseTo(0.6, 9);
    expect(rows.find(({ name }) => name === 'ScMoE pos2')!.speedup).toBeCloseTo(1.73, 2);
  });

  it('predicts a plan of your own', async () => {
    const { out } = await scmoe('simulate', '--share', '0.6', '--stage', 'pos2', '--slot', '0', '--mode', 'infer');
    const [, slower] = /^pos2, top-1, your plan +([\d.]+)/m.exec(out)!;
    const [, best] = /^ScMoE pos2 +([\d.]+)/m.exec(out)!;
    expect(Number(slower)).toBeGreaterThan(Number(best));
    expect((await scmoe('simulate', '--share', '0.6', '--stage', 'pos2', '--slot', '4')).err).toMatch(
      /slot: expected 0 to 3 for pos2, got 4/,
    );
    const own = (...options: string[]) => scmoe('simulate', '--share', '0.6', '--stage', 'farskip', ...options);
    expect((await own('--slot', '1', '--expert-chunks', '3')).err).toMatch(
      /expertChunks: expected 1: a rank holds one expert, got 3/,
    );
    expect((await own('--slot', '1', '--halves', '2')).err).toMatch(/halves: expected 1 for farskip, .* got 2/);
  });

  it('reads a cluster from a file and says what is wrong with it', async () => {
    const link = { alphaUs: 10, betaGBs: 10 };
    const cluster = { ranksPerNode: 4, intraNode: link, interNode: link, teraflops: 10, memoryGBs: 100 };
    writeFileSync(file('cluster.json'), JSON.stringify(cluster));
    expect((await scmoe('simulate', '--cluster', file('cluster.json'))).code).toBe(0);
    writeFileSync(file('cluster.json'), JSON.stringify({ ...cluster, teraflops: 0 }));
    expect((await scmoe('simulate', '--cluster', file('cluster.json'))).err).toMatch(
      /cluster.json: teraflops: expected a number > 0, got 0/,
    );
    writeFileSync(file('cluster.json'), '{');
    expect((await scmoe('simulate', '--cluster', file('cluster.json'))).code).toBe(1);
    expect((await scmoe('simulate', '--cluster', 'nothing')).err).toMatch(/unknown cluster 'nothing'; there are pcie/);
  });

  it('takes measured times in place of model and cluster', async () => {
    const stages = contenders.map(({ stage, topK }) => {
      const computations = Object.fromEntries(stageGraph(stage).names.map((name) => [name, 1]));
      const costs = { ...computations, dispatch: 2 * topK, combine: 2 * topK };
      return { stage, topK, forward: costs, backward: costs, updateMs: 0 };
    });
    const head = { format: 'scmoe-measured-costs', title: 'our lab', pairs: 3, tokensPerRank: 64 };
    const content = { ...head, chunkOverhead: { computeMs: 0, communicationMs: 0 }, stages };
    writeFileSync(file('costs.json'), JSON.stringify(content));
    const { out } = await scmoe('simulate', '--costs', file('costs.json'), '--mode', 'infer');
    expect(out).toContain('our lab: infer, communication share of top-2 67%');
    expect(out).toMatch(/^top-2 +48 +1.00x/m);
    expect(out).toMatch(/^ScMoE pos2 +30 +1.60x .* 75% /m);
    expect((await scmoe('simulate', '--costs', file('costs.json'), '--share', '0.5')).err).toBe(
      'scmoe: --costs and --share: expected one of them, got both\n',
    );
    writeFileSync(file('costs.json'), JSON.stringify({ ...content, pairs: 0 }));
    expect((await scmoe('simulate', '--costs', file('costs.json'))).err).toMatch(
      /costs.json: pairs: expected a positive integer, got 0/,
    );
  });

  it('draws the predicted steps', async () => {
    expect((await scmoe('simulate', '--timeline', file('predicted.svg'))).code).toBe(0);
    expect(readFileSync(file('predicted.svg'), 'utf8')).toContain('ScMoE pos2 at slot');
  });
});

describe('scmoe simulate says what is wrong with', () => {
  const measured = { format: 'scmoe-measured-costs', title: 'x', pairs: 1, tokensPerRank: 1 };
  const chunkOverhead = { computeMs: 0, communicationMs: 0 };
  const link = { alphaUs: 1, betaGBs: 1 };
  it.each<[string, unknown, RegExp]>([
    ['--costs', { ...measured, chunkOverhead: null, stages: [] }, /chunkOverhead: expected an object, got null/],
    ['--costs', { ...measured, chunkOverhead, stages: [null] }, /stage: expected an object, got null/],
    ['--costs', { ...measured, chunkOverhead, stages: [{ stage: 'constructor' }] }, /unknown stage 'constructor'/],
    [
      '--costs',
      { ...measured, chunkOverhead, stages: [{ stage: 'pos2', topK: 1, forward: null }] },
      /pos2 top-1, forward: costs: expected an object, got null/,
    ],
    ['--cluster', null, /cluster: expected an object, got null/],
    ['--cluster', { ranksPerNode: 4, intraNode: link, interNode: null }, /interNode: expected an object, got null/],
    ['--model', [], /model: expected an object, got \[\]/],
  ])('a file for %s that holds %j', async (flag, content, message) => {
    writeFileSync(file('wrong.json'), JSON.stringify(content));
    const { code, err } = await scmoe('simulate', flag, file('wrong.json'));
    expect(err).toMatch(message);
    expect(code).toBe(1);
  });

  it.each([
    ['--max-chunks', '9999999', 'Expected a whole number from 1 to 64.'],
    ['--chunks', '65', 'Expected a whole number from 1 to 64.'],
    ['--ranks', '8,1e12', 'Expected a whole number from 1 to 9999999.'],
    ['--ranks', '-1', 'Expected a whole number from 1 to 9999999.'],
  ])('%s %s', async (flag, value, message) => {
    const { code, err } = await scmoe('simulate', flag, value);
    expect(err).toContain(`argument '${value}' is invalid. ${message}`);
    expect(code).toBe(2);
  });

  it.each(['pos9', 'pos2,pos3', 'constructor', '__proto__'])("a stage called '%s'", async (name) => {
    const { code, err } = await scmoe('simulate', '--stage', name);
    expect(err).toContain(`argument '${name}' is invalid. Expected one of standard, shared,`);
    expect(code).toBe(2);
  });
});
