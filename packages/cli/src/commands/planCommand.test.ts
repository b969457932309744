import { writeFileSync } from 'node:fs';

import { stageGraph } from '@scmoe/scheduler';

import { scmoe, temporaryFiles } from '../testing/scmoe.js';

const file = temporaryFiles();

interface Plan {
  slot: number | null;
  chunks: number;
  expertChunks: number;
  halves: number;
  stepMs: number;
  hiddenFraction: number;
}

const measured = (change: object = {}) => {
  const computations = Object.fromEntries(stageGraph('pos2').names.map((name) => [name, 1]));
  const costs = { ...computations, dispatch: 8, combine: 8, expert: 8 };
  return {
    format: 'scmoe-measured-costs',
    title: 'our lab',
    pairs: 2,
    tokensPerRank: 64,
    expertsPerRank: 4,
    chunkOverhead: { computeMs: 0.5, communicationMs: 0.2 },
    expertChunkOverhead: { computeMs: 0.1, communicationMs: 0.2 },
    stages: [{ stage: 'pos2', topK: 1, forward: costs, backward: costs, updateMs: 0 }],
    ...change,
  };
};

describe('scmoe plan', () => {
  it('ranks every slot with every number of parts along every axis', async () => {
    writeFileSync(file('costs.json'), JSON.stringify(measured()));
    const { out } = await scmoe('plan', '--costs', file('costs.json'), '--mode', 'infer', '--json', '--top', '999');
    const [{ plans, combinations }] = JSON.parse(out) as [{ plans: Plan[]; combinations: number }];
    // 4 slots x 1 to 4 chunks x 1, 2 or 4 chunks of the experts x the whole or halves, and the sequential plan.
    expect([plans.length, combinations]).toEqual([97, 97]);
    expect(plans.filter(({ halves }) => halves === 2)).toHaveLength(48);
    const times = plans.map(({ stepMs }) => stepMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    // Chunks of the experts cost less, so that no plan with chunks of the tokens is ahead of the best without.
    expect(plans[0]).toMatchObject({ chunks: 1 });
    expect(plans[0]!.expertChunks).toBeGreaterThan(1);
    expect(plans.find(({ slot }) => slot === null)!.hiddenFraction).toBe(0);
  });

  it('names the order in which unequal chunks of the experts go best', async () => {
    const { stages, ...others } = measured({ expertShares: [0.55, 0.15, 0.2, 0.1] });
    const forward = { ...stages[0]!.forward, expert: 16, combine: 4 };
    writeFileSync(file('uneven.json'), JSON.stringify({ ...others, stages: [{ ...stages[0], forward }] }));
    const options = ['--costs', file('uneven.json'), '--mode', 'infer', '--top', '999'];
    const { out } = await scmoe('plan', ...options, '--json');
    const [{ plans }] = JSON.parse(out) as [{ plans: (Plan & { order?: number[] })[] }];
    const ordered = plans.filter(({ order }) => order);
    expect(ordered.length).toBeGreaterThan(0);
    for (const { order, chunks, expertChunks } of ordered)
      expect(order!.toSorted((a, b) => a - b)).toEqual(Array.from({ length: chunks * expertChunks }, (_, i) => i));
    expect((await scmoe('plan', ...options)).out).toMatch(/^slot \d, 4 expert chunks, in the order \d \d \d \d /m);
  });

  it('says what each hides and why the first wins', async () => {
    writeFileSync(file('costs.json'), JSON.stringify(measured()));
    const { out, code } = await scmoe('plan', '--costs', file('costs.json'));
    expect(code).toBe(0);
    expect(out).toContain('our lab: pos2, top-1, train; 141 combinations');
    expect(out.match(/^slot \d.*x .*%.*expert/gm)!.length).toBe(20);
    expect(out).toMatch(
      /^slot \d, \d expert chunks is [\d.]+ % ahead of slot .*: [\d.]+ ms (less|more) are (waited for|computed)/m,
    );
    expect(out).toContain('no error is known');
  });

  it('leaves the stage whole where told so, and lets one gate see both halves where a capacity is set', async () => {
    const computations = Object.fromEntries(stageGraph('standard').names.map((name) => [name, 4]));
    const long = { ...computations, dispatch: 16, combine: 16 };
    const stages = [{ stage: 'standard', topK: 2, forward: long, backward: long, updateMs: 0 }];
    writeFileSync(
      file('costs.json'),
      JSON.stringify(
        measured({ stages, expertsPerRank: 1, chunkOverhead: { computeMs: 0.05, communicationMs: 0.05 } }),
      ),
    );
    const best = async (...options: string[]) => {
      const args = [
        '--costs',
        file('costs.json'),
        '--stage',
        'standard',
        '--top-k',
        '2',
        '--max-chunks',
        '1',
        '--json',
      ];
      const [{ plans }] = JSON.parse((await scmoe('plan', ...args, ...options)).out) as [{ plans: Plan[] }];
      return plans[0]!;
    };
    const [free, joint, off] = [await best(), await best('--capacity'), await best('--split', 'off')];
    expect(free.halves).toBe(2);
    expect(off.halves).toBe(1);
    expect(free.stepMs).toBeLessThan(joint.stepMs);
    expect(joint.stepMs).toBeLessThanOrEqual(off.stepMs);
  });

  it('tells a lead from what predictions were off', async () => {
    writeFileSync(file('costs.json'), JSON.stringify(measured({ predictionError: 0.3 })));
    const { out } = await scmoe('plan', '--costs', file('costs.json'));
    expect(out).toMatch(/up to 30.0 % off, so that either may be the quicker/);
    expect(out).toContain('differ from predictions by at most 30%');
  });

  it('compares stages on a described cluster', async () => {
    const { out } = await scmoe('plan', '--cluster', 'pcie', '--ranks', '4', '--stage', 'standard,pos2', '--top', '60');
    expect(out).toMatch(/^pos2, slot \d/m);
    expect(out).toMatch(/^standard, /m);
  });

  const described = ['--cluster', 'pcie', '--ranks', '4', '--max-chunks', '1', '--split', 'off'];
  interface Sized extends Plan {
    recompute: string;
    keepsExchanges: boolean;
    memoryBytes: { parameters: number; step: number; total: number };
  }
  const sizedPlans = async (...options: string[]) =>
    JSON.parse((await scmoe('plan', ...described, '--json', '--top', '999', ...options)).out) as {
      plans: Sized[];
      leastBytes?: number;
    }[];

  it('takes what is computed twice as one more axis, and leaves out what needs more memory than there may be', async () => {
    const [all] = await sizedPlans();
    // 4 slots and the sequential plan, in each of four ways: off, selective, block with and without what exchanges brought.
    expect(all!.plans).toHaveLength(20);
    const of = (recompute: string, keepsExchanges = true) =>
      all!.plans.filter((plan) => plan.recompute === recompute && plan.keepsExchanges === keepsExchanges);
    const [once, selective, kept, again] = [of('off'), of('selective'), of('block'), of('block', false)].map(
      (plans) => plans[0]!,
    );
    expect(all!.plans[0]).toEqual(once);
    for (const other of [selective, kept, again]) expect(other!.stepMs).toBeGreaterThan(once!.stepMs);
    expect(again!.stepMs).toBeGreaterThan(kept!.stepMs);
    expect(again!.memoryBytes.total).toBeLessThanOrEqual(kept!.memoryBytes.total);
    expect(selective!.memoryBytes.total).toBeLessThan(once!.memoryBytes.total);
    const sizes = all!.plans.map(({ memoryBytes }) => memoryBytes.total);
    for (const limit of new Set(sizes)) {
      const [{ plans }] = (await sizedPlans('--memory-limit', String(limit))) as [{ plans: Sized[] }];
      // The quickest of all that fit, and nothing else.
      expect(plans).toEqual(all!.plans.filter(({ memoryBytes }) => memoryBytes.total <= limit));
    }
    expect(
      (await sizedPlans('--recompute', 'selective'))[0]!.plans.every(({ recompute }) => recompute === 'selective'),
    ).toBe(true);
  });

  it('keeps to a limit in slices as well, and says what the least is where nothing does', async () => {
    const slices = ['--tensor-parallel', '2', '--expert-shards', '2'];
    const cases = await sizedPlans(...slices);
    expect(cases).toHaveLength(4);
    const [whole] = await sizedPlans();
    for (const { plans } of cases) expect(plans[0]!.memoryBytes.total).toBeLessThan(whole!.plans[0]!.memoryBytes.total);
    const least = Math.min(...cases.map(({ plans }) => Math.min(...plans.map((plan) => plan.memoryBytes.total))));
    const { out } = await scmoe('plan', ...described, ...slices, '--memory-limit', String(Math.floor(least) - 1));
    expect(out.match(/no combination keeps to .*iB on a rank: the least is .*iB/g)).toHaveLength(4);
    const [rounded] = (await sizedPlans('--moments', 'bfloat16')) as [{ plans: Sized[] }];
    // 4 bytes less of 14: weights in two bytes, both moments, a copy in float32.
    expect(rounded.plans[0]!.memoryBytes.parameters).toBe((whole!.plans[0]!.memoryBytes.parameters * 10) / 14);
    const text = (await scmoe('plan', ...described, '--memory-limit', '1TiB')).out;
    expect(text).toMatch(/20 combinations within 1 TiB on a rank\n.*hidden +memory/);
    expect(text).toMatch(
      /^Gradients are averaged in parts of .*: \d+ of them travel .* leave the network idle; [\d.]+ ms are left at its end, [\d.]+ ms if all travelled there\. No step above counts either\.$/m,
    );
    expect(text).toMatch(/^slot \d, recompute block, exchanges sent again .* [\d.]+ GiB/m);
  });

  it('shows every schedule that slices of a model can have', async () => {
    const slices = ['--ranks', '16', '--cluster', 'ethernet', '--tensor-parallel', '2', '--json', '--top', '1'];
    const titlesOf = async (...args: string[]) => {
      const { out } = await scmoe('plan', ...slices, ...args);
      return (JSON.parse(out) as { title: string }[]).map(({ title }) => /schedule (\S+)$/.exec(title)?.[1]);
    };
    expect(await titlesOf()).toEqual(['s1', 's2', 's2-fused']);
    expect(await titlesOf('--expert-shards', '2')).toEqual(['base', 's1', 's2', 's2-fused']);
    expect((await scmoe('plan', ...slices, '--tensor-parallel', '3')).err).toMatch(
      /tensorParallel: expected a divisor of the 16 ranks, got 3/,
    );
  });

  it.each([
    [['--stage', 'pos2,pos9'], /'pos2,pos9' is invalid. Expected some of standard, shared,/],
    [['--top-k', '0'], /Expected a whole number from 1/],
    [['--costs', 'a.json', '--share', '0.5'], /--costs and --share: expected one of them, got both/],
    [['--share', '0.5', '--moments', 'bfloat16'], /--moments: expected with --model and --cluster/],
    [['--share', '0.5', '--memory-limit', '1GiB'], /--memory-limit: expected with --model and --cluster/],
    [['--share', '0.5', '--recompute', 'block'], /--recompute: expected off with --costs and --share/],
    [['--memory-limit', 'much'], /Expected a size of memory such as 40GiB/],
  ])('says what is wrong with %j', async (args, message) => {
    const { err, code } = await scmoe('plan', ...args);
    expect(err).toMatch(message);
    expect(code).toBeGreaterThan(0);
  });
});
