import { scmoe, temporaryFiles } from '../testing/scmoe.js';

const file = temporaryFiles();

describe('scmoe experts', () => {
  it.each<[string[], number, RegExp]>([
    [['prune', file('nowhere')], 2, /required option '--prune <n>' not specified[^]*\(--help lists the options\)/],
    [['prune', file('nowhere'), '--prune', '1'], 1, /^scmoe: There is no checkpoint .*nowhere: it does not exist/],
    [['prune', file('nowhere'), '--prune', '-1'], 2, /Expected a whole number from 0 to 9999999/],
    [
      ['prune', file('x'), '--prune', '1', '--criterion', 'age'],
      2,
      /Allowed choices are reap, frequency, activationNorm/,
    ],
    [
      ['prune', file('x'), '--prune', '1', '--criterion', 'routerNorm'],
      2,
      /expected an earlier checkpoint to compare with/,
    ],
    [['report', file('nowhere')], 1, /^scmoe: There is no checkpoint .*nowhere: it does not exist/],
    [['report'], 2, /missing required argument 'model'/],
    [['place', file('x')], 2, /required option '--texts <paths...>' not specified/],
    [['place', file('x'), '--texts', 'a'], 2, /texts: expected one for each of at least 2 ranks, got 1/],
    [['convert'], 2, /missing required argument 'model'/],
    [['convert', file('nowhere')], 1, /^scmoe: There is no checkpoint .*nowhere: it does not exist/],
    [['convert', file('x'), '--kind', 'dgmoe'], 2, /Allowed choices are top1, top2, standard, shared, scmoe/],
    [['convert', file('x'), '--reinitialize', '2'], 2, /--reinitialize/],
    [['convert', file('x'), '--domains', 'a'], 2, /domains: expected a text for each of at least 2 experts, got 1/],
    [['pack', file('nowhere')], 2, /required option '-o, --out <folder>' not specified/],
    [['pack', file('nowhere'), '-o', file('x')], 1, /^scmoe: There is no checkpoint .*nowhere: it does not exist/],
    [['grow'], 2, /unknown command 'grow'/],
  ])('says what is wrong: %j', async (args, code, message) => {
    const outcome = await scmoe('experts', ...args);
    expect(outcome.err).toMatch(message);
    expect(outcome.code).toBe(code);
  });

  it.each([
    ['prune', ['--out', '--criterion', '--before', '--text', '--ranks', '--mode', '--random-draws']],
    ['place', ['--texts', '--objective', '--nodes', '--out', '--batches']],
    ['convert', ['--out', '--method', '--kind', '--noise', '--reinitialize', '--domains', '--width', '--format']],
    ['pack', ['--out']],
    ['report', ['--text', '--batches', '--output', '--json']],
  ])('%s lists its options', async (name, options) => {
    const { code, out } = await scmoe('experts', name, '--help');
    expect(code).toBe(0);
    for (const option of options) expect(out).toContain(option);
  });
});
