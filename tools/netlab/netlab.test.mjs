import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { networkLabProblem, withNetworkLab } from './index.mjs';
import { labNamespaces, startTime } from './labName.mjs';

const cli = fileURLToPath(new URL('./cli.mjs', import.meta.url));
const skip = networkLabProblem();

const netlab = (args, env = {}) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });
const inLab = (name, options, body) => test(name, { skip, timeout: 300_000 }, () => withNetworkLab(options, body));

/**
 * What rank 0 received from rank 1, in bits a second, from when rank 1 had connected until rank 0 had all: a rank that has to
 * wait for a core makes it less and never more. The time at which it begins is the first that is sent.
 */
async function measureRate(lab, bytes) {
  const receive = `
    require('node:net').createServer((socket) => {
      const chunks = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => {
        const end = Date.now();
        const all = Buffer.concat(chunks);
        process.stdout.write(String(all.length * 8000 / (end - all.readDoubleLE())), () => process.exit());
      });
    }).listen(5000, () => console.error('listening'));`;
  const send = `
    const all = Buffer.alloc(${bytes});
    const socket = require('node:net').connect(5000, '${lab.address(0)}', () => {
      all.writeDoubleLE(Date.now());
      socket.end(all);
    });`;
  const receiver = lab.start(0, process.execPath, ['-e', receive], { stdio: ['ignore', 'pipe', 'pipe'] });
  await once(receiver.stderr, 'data');
  const rate = once(receiver.stdout, 'data');
  assert.equal((await lab.run(1, process.execPath, ['-e', send])).code, 0);
  return Number(await rate);
}

/** Never faster than the rate, and as fast in one of the attempts: in others, something else may have had the cores. */
async function reachesRate(lab, rate) {
  const measured = [];
  while (!measured.some((each) => each > 0.75 * rate)) {
    assert.ok(measured.length < 10, `${measured.join(', ')} bit/s`);
    measured.push(await measureRate(lab, (rate * 0.6) / 8));
    assert.ok(measured.at(-1) < 1.25 * rate, `${measured.at(-1)} bit/s`);
  }
}

/** Whether rank 1 gets an answer from a server on rank 0 within three seconds. */
async function reaches(lab) {
  const knock = `
    const socket = require('node:net').connect(5001, '${lab.address(0)}', () => process.exit(0));
    socket.on('error', () => process.exit(1));
    setTimeout(() => process.exit(1), 3000);`;
  return (await lab.run(1, process.execPath, ['-e', knock])).code === 0;
}

/** The same of a link that is whole, on which an answer may be late. */
async function reachesInTheEnd(lab) {
  for (let attempt = 0; attempt < 10; attempt++) if (await reaches(lab)) return true;
  return false;
}

async function until(condition, withinMs = 120_000) {
  for (const end = Date.now() + withinMs; !condition() && Date.now() < end;) await sleep(50);
  assert.ok(condition(), condition.toString());
}

/** A zombie, which a container without a reaping init may keep, is not alive. */
const alive = (pid) => startTime(pid) !== undefined;

/** A program that opens a lab, starts something in it, says its pid and waits. */
async function startOwner(context) {
  const program = `
    import { NetworkLab } from ${JSON.stringify(new URL('./index.mjs', import.meta.url).href)};
    const lab = await NetworkLab.open({ ranks: 2 });
    const child = lab.start(1, 'sleep', ['1000'], { stdio: 'ignore', detached: true });
    process.stdout.write(String(child.pid));
    setInterval(() => undefined, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // It holds this process and its lab, whatever comes of the test.
  context.after(() => owner.kill('SIGKILL'));
  const inside = Number((await once(owner.stdout, 'data'))[0]);
  const namespaces = () => labNamespaces().filter((name) => name.startsWith(`scmoe-lab-${owner.pid}-`));
  assert.equal(namespaces().length, 3);
  assert.ok(alive(inside));
  return { owner, inside, namespaces };
}

inLab('a link is as fast as was set, and as is set later', { ranks: 2, rate: '50mbit' }, async (lab) => {
  await reachesRate(lab, 50e6);
  lab.setRate('200mbit');
  await reachesRate(lab, 200e6);
});

inLab('a cut link is cut until it is restored', { ranks: 2 }, async (lab) => {
  const server = lab.start(0, process.execPath, [
    '-e',
    `require('node:net').createServer().listen(5001, () => console.log())`,
  ]);
  await once(server.stdout, 'data');
  assert.ok(await reachesInTheEnd(lab));
  lab.cut(1);
  assert.ok(!(await reaches(lab)));
  lab.restore(1);
  assert.ok(await reachesInTheEnd(lab));
});

inLab('ranks are told their place, and nothing of a run outside', { ranks: 3, pin: true }, async (lab) => {
  process.env.SCMOE_RENDEZVOUS = '127.0.0.1:1';
  const { stdout } = await lab.run(2, 'sh', [
    '-c',
    'echo $RANK $WORLD_SIZE $LOCAL_RANK $LOCAL_WORLD_SIZE $MASTER_ADDR "$SCMOE_RENDEZVOUS"',
  ]);
  delete process.env.SCMOE_RENDEZVOUS;
  assert.equal(stdout.trim(), '2 3 0 1 10.77.0.1');
});

test('a lab is gone after its use has thrown', { skip }, async () => {
  const before = labNamespaces();
  await assert.rejects(
    withNetworkLab({ ranks: 2 }, async () => {
      throw new Error('a fault');
    }),
    /a fault/,
  );
  assert.deepEqual(labNamespaces(), before);
});

test('what can not be set up is said, and nothing of it stays', { skip }, async () => {
  await assert.rejects(
    withNetworkLab({ ranks: 2, rate: 'quick' }, async () => undefined),
    /could not be set up: .*quick/s,
  );
  await assert.rejects(
    withNetworkLab({ ranks: 1 }, async () => undefined),
    /2 to 8, got 1/,
  );
  assert.deepEqual(labNamespaces(`scmoe-lab-${process.pid}`), []);
});

for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT']) {
  test(`a lab and what runs in it are gone after its owner got ${signal}`, { skip }, async (context) => {
    const { owner, inside, namespaces } = await startOwner(context);
    owner.kill(signal);
    await until(() => namespaces().length === 0);
    assert.ok(!alive(inside));
  });
}

test('the next lab removes one whose owner and supervisor were killed', { skip }, async (context) => {
  const { owner, inside, namespaces } = await startOwner(context);
  const supervisor = spawnSync('pgrep', ['-P', String(owner.pid), '-f', 'namespaces.sh hold'], { encoding: 'utf8' });
  for (const pid of [Number(supervisor.stdout), owner.pid]) process.kill(pid, 'SIGKILL');
  await once(owner, 'exit');
  assert.equal(namespaces().length, 3);
  await withNetworkLab({ ranks: 2 }, async () => {
    assert.deepEqual(namespaces(), []);
    assert.ok(!alive(inside));
  });
});

test('the command line runs every rank, prefixes what they print and passes on success', { skip }, () => {
  const { status, stdout, stderr } = netlab(['--ranks', '3', '--rate', '1gbit', '--', 'sh', '-c', 'echo I am $RANK']);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['[rank 0] I am 0', '[rank 1] I am 1', '[rank 2] I am 2']);
  assert.equal(stderr, '');
  assert.equal(status, 0);
});

test('the command line names the rank that failed first, ends the others and passes on its status', { skip }, () => {
  const began = Date.now();
  const { status, stderr } = netlab(['--', 'sh', '-c', '[ $RANK = 0 ] || exit 7; exec sleep 1000']);
  assert.match(stderr, /rank 1 failed first: exit status 7/);
  assert.equal(status, 7);
  // The other one has not been waited for.
  assert.ok(Date.now() - began < 1_000_000);
});

test('the command line ends its ranks and its lab at a signal, and says so by its status', { skip }, async () => {
  const child = spawn(process.execPath, [cli, '--', 'sh', '-c', 'echo up; exec sleep 100'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [status] = await once(child, 'exit');
  assert.equal(status, 130);
  assert.deepEqual(
    labNamespaces().filter((name) => name.startsWith(`scmoe-lab-${child.pid}-`)),
    [],
  );
});

test('wrong options are named', () => {
  for (const [args, message] of [
    [['--speed', '3', '--', 'true'], /--speed/],
    [['--ranks', '9', '--', 'true'], /--ranks 9: expected a whole number from 2 to 8/],
    [['--rate', '200', '--', 'true'], /--rate 200: expected a number with a unit/],
    [['--ranks', '2'], /no command/],
  ]) {
    const { status, stderr } = netlab(args);
    assert.match(stderr, message);
    assert.equal(status, 2);
  }
});

test('missing tools are named, with a status of their own', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  const { status, stderr } = netlab(['--', 'true'], { PATH: '/nowhere' });
  assert.match(stderr, /needs ip and tc of iproute2/);
  assert.equal(status, 77);
});
