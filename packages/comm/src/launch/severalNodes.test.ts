import { join } from 'node:path';

import { StoreServer } from '../rendezvous/StoreServer.js';
import { isRunning, programs, startLaunch, until, type LaunchProcess } from '../testing/launches.js';
import type { LaunchOptions } from './LaunchOptions.js';
import { launchSettings } from './launchSettings.js';
import { freePort } from './Nodes.js';
import { severalNodes } from './severalNodes.js';

const { folder, script } = programs();
const token = 'secret-of-two-nodes';
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const pidsIn = (text: string) => [...text.matchAll(/pid=(\d+)/g)].map((match) => Number(match[1]));

let port = 0;
beforeEach(async () => {
  port = await freePort();
});

const started: LaunchProcess[] = [];
afterEach(async () => {
  for (const { process: child, done } of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await done;
  }
});

function node(
  nodeRank: number,
  command: LaunchOptions['command'],
  options: Partial<LaunchOptions> = {},
): LaunchProcess {
  const endpoint = { host: '127.0.0.1', port };
  const one = startLaunch(command, { nodes: 2, nodeRank, endpoint, token, ...options });
  started.push(one);
  return one;
}

const waits = script('waits.mjs', `console.log('ready pid=' + process.pid); setInterval(() => {}, 1000);`);

describe('two launchers', () => {
  it('make one world, whoever comes first and however many ranks each has', async () => {
    const say: LaunchOptions['command'] = [
      'sh',
      '-c',
      'echo "$RANK of $WORLD_SIZE, $LOCAL_RANK of $LOCAL_WORLD_SIZE at $SCMOE_RENDEZVOUS"',
    ];
    const second = node(1, say, { ranksHere: 2 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const first = node(0, say, { ranksHere: 1 });
    const [a, b] = await Promise.all([first.done, second.done]);
    expect([a.err, b.err]).toEqual(['', '']);
    expect([a.code, b.code]).toEqual([0, 0]);
    expect(a.out).toBe(`[rank 0] 0 of 3, 0 of 1 at 127.0.0.1:${port}\n`);
    expect(lines(b.out).sort()).toEqual([
      `[rank 1] 1 of 3, 0 of 2 at 127.0.0.1:${port}`,
      `[rank 2] 2 of 3, 1 of 2 at 127.0.0.1:${port}`,
    ]);
  });

  it('meet at an IPv6 address', async () => {
    const say: LaunchOptions['command'] = ['sh', '-c', 'echo "$RANK of $WORLD_SIZE: $MASTER_ADDR, $SCMOE_RENDEZVOUS"'];
    const outcomes = [0, 1].map((rank) => node(rank, say, { endpoint: { host: '::1', port } }).done);
    const [a, b] = await Promise.all(outcomes);
    expect([a!.out, b!.out]).toEqual([0, 1].map((rank) => `[rank ${rank}] ${rank} of 2: ::1, [::1]:${port}\n`));
    expect([a!.err, b!.err]).toEqual(['', '']);
  });

  it('share a store that outlives the ranks of node 0', async () => {
    const program = script(
      'late.mjs',
      `const { RANK } = process.env;
       if (RANK === '1') { await new Promise((r) => setTimeout(r, 400)); console.log('done'); }`,
    );
    const [a, b] = [node(0, [program]), node(1, [program])];
    expect((await b.done).out).toBe('[rank 1] done\n');
    expect([(await a.done).code, (await b.done).code]).toEqual([0, 0]);
  });

  it.each([0, 1])('end with the status of a rank that failed on node %i', async (failing) => {
    const program = `echo ready pid=$$; if [ $RANK = ${failing} ]; then sleep 0.3; exit 7; fi; while :; do sleep 0.2; done`;
    const [a, b] = [node(0, ['sh', '-c', program]), node(1, ['sh', '-c', program])];
    const outcomes = await Promise.all([a.done, b.done]);
    expect(outcomes.map(({ code }) => code)).toEqual([7, 7]);
    const [there, other] = [outcomes[failing]!, outcomes[1 - failing]!];
    expect(there.err).toMatch(new RegExp(`rank ${failing} failed first: exit status 7 \\(pid`));
    expect(other.err).toContain(`scmoe: Node ${failing}: rank ${failing} failed first: exit status 7`);
    await until(() => !pidsIn(a.out() + b.out()).some(isRunning));
  });

  it('restart together', async () => {
    const program =
      'echo attempt $SCMOE_RESTART_COUNT; if [ $SCMOE_RESTART_COUNT$RANK = 01 ]; then exit 3; fi; [ $SCMOE_RESTART_COUNT = 1 ] || sleep 60';
    const outcomes = await Promise.all(
      [0, 1].map((rank) => node(rank, ['sh', '-c', program], { maxRestarts: 1 }).done),
    );
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    for (const [rank, { out, err }] of outcomes.entries()) {
      expect(out).toContain(`[rank ${rank}] attempt 1\n`);
      expect(err).toContain('starting all ranks again (restart 1 of 1)');
    }
  });

  it.each([0, 1])('count failures alike, by what a rank on node %i says of progress', async (says) => {
    // Rank 1 fails only after the progress was said: two launchers start their ranks at different times.
    const said = join(folder, `said-by-${says}-in`);
    const program = `if [ $RANK = ${says} ]; then
        [ $SCMOE_RESTART_COUNT -gt 1 ] || echo $SCMOE_RESTART_COUNT > $SCMOE_PROGRESS_FILE
        touch ${said}.$SCMOE_RESTART_COUNT
      fi
      [ $RANK = 0 ] || { until [ -e ${said}.$SCMOE_RESTART_COUNT ]; do sleep 0.05; done; exit 3; }
      sleep 60`;
    const outcomes = await Promise.all(
      [0, 1].map((rank) => node(rank, ['sh', '-c', program], { maxRestarts: 1 }).done),
    );
    expect(outcomes.map(({ code }) => code)).toEqual([3, 3]);
    for (const { err } of outcomes) {
      expect(err.match(/again \(.*?(?=[:)])/g)).toEqual([
        'again (the run has come to step 0 since the last start',
        'again (the run has come to step 1 since the last start',
        'again (restart 1 of 1',
      ]);
    }
  });

  it.each([0, 1])('notice that the launcher of node %i was killed', async (victim) => {
    const nodes = [node(0, [waits]), node(1, [waits])];
    await until(() => nodes.every(({ out }) => pidsIn(out()).length === 1));
    const pids = nodes.flatMap(({ out }) => pidsIn(out()));
    nodes[victim]!.process.kill('SIGKILL');
    const { code, err } = await nodes[1 - victim]!.done;
    expect(code).toBe(1);
    expect(err).toMatch(new RegExp(`The launcher of node ${victim} is gone: .*connection`));
    await until(() => !pids.some(isRunning));
  });

  it('let a launcher that was killed and started again come back', async () => {
    const program = `echo attempt $SCMOE_RESTART_COUNT pid=$$; [ $SCMOE_RESTART_COUNT = 1 ] || sleep 60`;
    const start = (rank: number) => node(rank, ['sh', '-c', program], { maxRestarts: 1 });
    const [first, second] = [start(0), start(1)];
    await until(() => [first, second].every(({ out }) => pidsIn(out()).length === 1));
    second.process.kill('SIGKILL');
    const again = start(1);
    expect([(await first.done).code, (await again.done).code]).toEqual([0, 0]);
    expect(again.out()).toMatch(/^\[rank 1\] attempt 1 pid=\d+\n$/);
  });

  it('both stop when one gets a signal', async () => {
    const program = script(
      'saves.mjs',
      `process.on('SIGINT', () => { console.log('saved'); process.exit(0); });
       console.log('ready'); setInterval(() => {}, 1000);`,
    );
    const nodes = [node(0, [program]), node(1, [program])];
    await until(() => nodes.every(({ out }) => out().includes('ready')));
    nodes[1]!.process.kill('SIGINT');
    const outcomes = await Promise.all(nodes.map(({ done }) => done));
    expect(outcomes.map(({ code }) => code)).toEqual([130, 130]);
    for (const { out } of outcomes) expect(out).toContain('saved');
  });
});

describe('a launcher says', () => {
  it('which nodes did not come, and after how long', async () => {
    const terminal = { out: process.stdout, err: process.stderr };
    // In this process, so that those who come are there before the time begins.
    const shared = { command: ['true'] as const, nodes: 4, token, rendezvousTimeoutMs: 2000, terminal };
    const open = (nodeRank: number) =>
      severalNodes(launchSettings({ ...shared, nodeRank, endpoint: { host: '127.0.0.1', port } }));
    const present = [await open(0), await open(2)];
    for (const began of await Promise.allSettled(present.map((each) => each.begin(0)))) {
      const reason = (began as PromiseRejectedResult).reason as Error;
      expect(reason.message).toBe('Missing nodes 1, 3 of 4: no launcher came within 2 s.');
    }
    for (const each of present.reverse()) await each.close();
  });

  it('that node 0 is not there', async () => {
    const { code, err } = await node(1, [waits], { rendezvousTimeoutMs: 1000 }).done;
    expect(err).toMatch(
      new RegExp(`No rendezvous store at 127.0.0.1:${port} within 1 s \\(last attempt: ECONNREFUSED`),
    );
    expect(code).toBe(1);
  });

  it('that its token is another one', async () => {
    const first = node(0, [waits]);
    const { code, err } = await node(1, [waits], { token: 'other' }).done;
    expect(err).toContain(`The rendezvous store at 127.0.0.1:${port} refused: wrong token.`);
    expect(code).toBe(1);
    first.process.kill('SIGTERM');
    expect((await first.done).code).toBe(143);
  });

  it('that its number is taken', async () => {
    const first = node(0, [waits]);
    const second = node(1, [waits]);
    await until(() => second.out().includes('ready'));
    const { code, err } = await node(1, [waits]).done;
    expect(err).toContain('rank 1 of group launch-0 is already connected');
    expect(code).toBe(1);
    first.process.kill('SIGTERM');
    await Promise.all([first.done, second.done]);
  });

  it('that the port is in use', async () => {
    const taken = await StoreServer.listen({ port, token: 'x' });
    const { code, err } = await node(0, [waits]).done;
    await taken.close();
    expect(err).toContain(`port ${port} is in use by another process`);
    expect(code).toBe(1);
  });
});
