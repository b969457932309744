import { findGloo } from '@scmoe/comm';
import { describeUnless, type Outcome, startProgramOn, temporaryFolder } from '@scmoe/testing';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

import { isExpertParameter, tensorAxis } from '@scmoe/layer';
import { loadWholeCheckpoint } from '@scmoe/trainer';
import { openModel } from '../index.js';
import { quarters } from '../testing/quarters.js';
import { quartersMain, runQuarters, runQuartersOn } from '../testing/runQuarters.js';

const folder = temporaryFolder();
const options = ['--threads', '1', '--num-experts', '4', '--save-every', '4', '--accumulate', '2'];
const files = ['model.safetensors', 'optimizer.safetensors'];
const bytesOf = (path: string) => files.map((name) => readFileSync(join(path, name)));
const step = (n: number) => `step-${String(n).padStart(6, '0')}`;
const inOwnFolder = 'mkdir -p "$0/host$RANK" && cd "$0/host$RANK" && ';

/** Two ranks, each in a working folder of its own below `hosts`, as on the disks of two hosts. */
function runOnTwoDisks(hosts: string, args: string[], script = 'exec "$@"', launch: string[] = []): Promise<Outcome> {
  const through = ['sh', '-c', inOwnFolder + script, hosts];
  return startProgramOn(2, quartersMain, ['train', '--run-dir', 'runs', ...args], { launch, through }).done;
}
const nameOf = (out: string) => /^run: \S*?(quarters-[\d-]+)/m.exec(out)![1]!;

describeUnless(findGloo().problem, "checkpoints in each rank's own folder", () => {
  const disks = join(folder.path, 'disks');
  let shared: string;
  let name: string;
  /** Where a rank has its parts, and rank 0 what is whole. */
  const parts = (hosts: string, rank: number) =>
    join(hosts, `host${rank}`, 'runs', name, 'checkpoints', `rank-${rank}`);
  const whole = (hosts: string) => join(hosts, 'host0', 'runs', name, 'checkpoints');

  /** The disks as they were after step 8, but for what `change` has done to them. */
  function after8(title: string, change: (hosts: string) => void = () => undefined): string {
    const hosts = join(folder.path, title);
    cpSync(disks, hosts, { recursive: true });
    rmSync(join(whole(hosts), step(12)), { recursive: true });
    change(hosts);
    return hosts;
  }
  const without12 = (hosts: string) =>
    [0, 1].forEach((rank) => rmSync(join(parts(hosts, rank), step(12)), { recursive: true }));
  const goOn = (hosts: string, ...args: string[]) =>
    runOnTwoDisks(hosts, ['--resume', `runs/${name}`, '--threads', '1', ...args]);

  beforeAll(async () => {
    const { out, err } = await runQuartersOn(2, ...options, '--run-dir', join(folder.path, 'shared'), '--keep', '0');
    expect(err).toBe('');
    shared = join(folder.path, 'shared', nameOf(out), 'checkpoints');
    const local = await runOnTwoDisks(disks, [
      ...options,
      '--checkpoints',
      'local',
      '--keep',
      '2',
      '--keep-every',
      '4',
    ]);
    expect([local.code, local.err]).toEqual([0, '']);
    name = nameOf(local.out);
  });

  it('are parts, alike on all ranks; the last step is besides whole, as the shared one is', () => {
    const expected = [step(4), step(8), step(12)];
    expect(readdirSync(parts(disks, 0)).sort()).toEqual(expected);
    expect(readdirSync(parts(disks, 1)).sort()).toEqual(expected);
    expect(readdirSync(join(disks, 'host1', 'runs', name))).toEqual(['checkpoints']);
    expect(readdirSync(whole(disks)).sort()).toEqual(['rank-0', step(12)]);
    expect(bytesOf(join(whole(disks), step(12)))).toEqual(bytesOf(join(shared, step(12))));
  });

  it('go on bit for bit as shared ones do, and are pruned alike', async () => {
    const hosts = after8('resumed', without12);
    const { code, out, err } = await goOn(hosts, '--keep', '1', '--keep-every', '0');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('resumed at step 8');
    expect(bytesOf(join(whole(hosts), step(12)))).toEqual(bytesOf(join(shared, step(12))));
    expect([0, 1].map((rank) => readdirSync(parts(hosts, rank)))).toEqual([[step(12)], [step(12)]]);
  });

  it('that are the best are kept besides, alike on all ranks', async () => {
    // So fast that the loss is not least at the end.
    const unwatched = ['loss', 'entropy', 'logits'].flatMap((name) => [`--alarm-${name}`, '0']);
    const args = [...options, '--checkpoints', 'local', '--eval-every', '4', '--lr', '3', ...unwatched];
    const steps = async (title: string, ...retention: string[]) => {
      const hosts = join(folder.path, title);
      const { code, err, out } = await runOnTwoDisks(hosts, [...args, ...retention]);
      expect([code, err]).toEqual([0, '']);
      return [0, 1].map((rank) => {
        const own = join(hosts, `host${rank}`, 'runs', nameOf(out), 'checkpoints', `rank-${rank}`);
        return Object.fromEntries(
          readdirSync(own).map((name) => {
            const index = JSON.parse(readFileSync(join(own, name, 'checkpoint.json'), 'utf8')) as object;
            return [name, (index as { validationLoss: number }).validationLoss] as const;
          }),
        );
      });
    };
    const [all] = await steps('all', '--keep', '0');
    const best = Object.keys(all!).reduce((a, b) => (all![b]! < all![a]! ? b : a));
    expect([step(4), step(8)]).toContain(best);
    const kept = { [best]: all![best], [step(12)]: all![step(12)] };
    expect(await steps('best', '--keep', '1', '--keep-best', '1')).toEqual([kept, kept]);
  });

  it('can be put together where they lie beside each other, for one rank', async () => {
    const hosts = after8('joined', without12);
    await expect(openModel(quarters, join(hosts, 'host0', 'runs', name), 'none')).rejects.toThrow(
      `that of rank 1 is missing: expected ${join(whole(hosts), 'rank-1', step(8))}`,
    );
    cpSync(parts(hosts, 1), join(whole(hosts), 'rank-1'), { recursive: true });
    const { checkpoint, model } = await openModel(quarters, join(hosts, 'host0', 'runs', name), 'none');
    model.dispose();
    expect(checkpoint.index.part).toBeUndefined();
    const run = join(hosts, 'host0', 'runs', name);
    const { code, out } = await runQuarters('train', '--resume', run, '--threads', '1', '--checkpoints', 'shared');
    expect(code).toBe(0);
    expect(out).toContain('resumed at step 8');
    const alone = join(folder.path, 'alone');
    cpSync(join(shared, step(8)), join(alone, 'checkpoints', step(8)), { recursive: true });
    expect((await runQuarters('train', '--resume', alone, '--threads', '1')).code).toBe(0);
    const [got, expected] = [whole(hosts), join(alone, 'checkpoints')].map((path) => bytesOf(join(path, step(12))));
    expect(got).toEqual(expected);
  });

  it('of slices can be put together as well, and are gone on from by the same slices', async () => {
    const slices = ['--tensor-parallel', '2', '--expert-shards', '2'];
    const hosts = join(folder.path, 'slices');
    const args = [...options, '--checkpoints', 'local', '--keep', '0'];
    const { code, err, out } = await runQuartersOn(2, 'train', '--run-dir', hosts, ...args, ...slices);
    expect([code, err]).toEqual([0, '']);
    const checkpoints = join(hosts, nameOf(out), 'checkpoints');
    const placement = { isSharded: isExpertParameter, slicedAxis: tensorAxis };
    const numbers = async (path: string) => {
      const { parameters, optimizerState } = await loadWholeCheckpoint(path, placement);
      return Object.entries({ ...parameters, ...optimizerState }).map(([key, { shape, data }]) => [key, shape, data]);
    };
    const whole = await numbers(join(checkpoints, step(12)));
    for (const rank of ['rank-0', 'rank-1'])
      expect(
        Object.fromEntries((await numbers(join(checkpoints, rank, step(12)))).map((one) => [one[0], one])),
      ).toEqual(Object.fromEntries(whole.map((one) => [one[0], one])));
    rmSync(join(checkpoints, step(12)), { recursive: true });
    const run = ['train', '--resume', join(hosts, nameOf(out)), '--threads', '1', '--steps', '14'];
    const resumed = await runQuartersOn(2, ...run, ...slices);
    expect([resumed.code, resumed.err]).toEqual([0, '']);
    expect(resumed.out).toContain('resumed at step 12');
  });

  it('are refused where one rank is behind, which is named; --fallback goes on from what all have', async () => {
    const hosts = after8('behind', (hosts) => rmSync(join(parts(hosts, 1), step(12)), { recursive: true }));
    const refused = await goOn(hosts, '--steps', '14');
    expect(refused.code).toBe(1);
    expect(refused.err).toMatch(
      /Rank 1 \(\S+\) has no checkpoint of step 12, which rank 0 \(\S+\) has: expected (\S+); its newest is step 8\. --fallback goes on from step 8/,
    );
    expect(refused.err).toContain(join(parts(hosts, 1), step(12)));
    const { code, out } = await goOn(hosts, '--fallback');
    expect(code).toBe(0);
    expect(out).toContain('Going on from step 8.');
    expect(bytesOf(join(whole(hosts), step(12)))).toEqual(bytesOf(join(shared, step(12))));
    expect(readdirSync(join(parts(hosts, 0), 'after-step-000008'))).toEqual([step(12)]);
  });

  it('are refused where one rank has none or a damaged one, by rank, folder and step', async () => {
    const gone = after8('gone', (hosts) => rmSync(parts(hosts, 1), { recursive: true }));
    const { code, err } = await goOn(gone, '--steps', '14', '--fallback');
    expect(code).toBe(1);
    expect(err).toContain(`expected ${join(parts(gone, 1), step(12))}. There is no earlier one either.`);

    const model = (hosts: string) => join(parts(hosts, 1), step(12), 'model.safetensors');
    const damaged = after8('damaged', (hosts) => truncateSync(model(hosts), 10));
    expect((await goOn(damaged, '--steps', '14')).err).toMatch(
      /Rank 1 \(\S+\) has no whole part of step 12: Checkpoint \S+rank-1\/step-000012 is damaged: .* --fallback goes on from step 8/,
    );
  });

  it('are refused where the parts are not of the same checkpoint', async () => {
    const hosts = after8('mixed');
    const other = join(folder.path, 'other');
    const { code, out, err } = await runOnTwoDisks(other, [...options, '--checkpoints', 'local', '--seed', '2']);
    expect([code, err]).toEqual([0, '']);
    const strange = join(other, 'host1', 'runs', nameOf(out), 'checkpoints', 'rank-1', step(12));
    rmSync(join(parts(hosts, 1), step(12)), { recursive: true });
    cpSync(strange, join(parts(hosts, 1), step(12)), { recursive: true });
    expect((await goOn(hosts, '--steps', '14')).err).toContain("is of another checkpoint than rank 0's");
  });

  it('are found by the ranks that the launcher starts again, each its own', async () => {
    const hosts = join(folder.path, 'restarted');
    // The first time rank 1 is killed as soon as it has a checkpoint.
    const script = `
      if [ "$RANK$SCMOE_RESTART_COUNT" != 10 ]; then exec "$@"; fi
      "$@" & until ls -d runs/*/checkpoints/rank-1/step-* >/dev/null 2>&1; do sleep 0.02; done; kill -9 $!; exit 9`;
    const args = [...options, '--checkpoints', 'local', '--steps', '200', '--eval-every', '0'];
    const { code, out, err } = await runOnTwoDisks(hosts, args, script, ['--max-restarts', '1']);
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/restart 1: going on with run quarters-\S+, each rank from its own part/);
    expect(out).toMatch(/resumed at step \d+/);
    const run = nameOf(out);
    expect(readdirSync(join(hosts, 'host0', 'runs'))).toEqual([run]);
    expect(readdirSync(join(hosts, 'host1', 'runs'))).toEqual([run]);
  });

  it('are gone back to by --on-divergence rewind, on each rank from its own', async () => {
    const hosts = join(folder.path, 'rewound');
    const args = [...options, '--checkpoints', 'local', '--bad-batch', '11', '--on-divergence', 'rewind'];
    const { code, err } = await runOnTwoDisks(hosts, args);
    expect(code).toBe(0);
    expect(err).toMatch(/Going back to step 4, and on with the data after those of step 6/);
  });
});
