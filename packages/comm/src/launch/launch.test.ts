import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import { describeUnless } from '@scmoe/testing';

import {
  isRunning,
  launchAtTerminal,
  programs,
  ptyProblem,
  startLaunch as launch,
  until,
} from '../testing/launches.js';
import { secondInterruptMs } from './stopSignals.js';

const { folder, script } = programs();
const lines = (text: string) => text.split('\n').filter((line) => line !== '');
const pidsIn = (text: string) => [...text.matchAll(/pid=(\d+)/g)].map((match) => Number(match[1]));

const waits = script(
  'waits.mjs',
  `console.log('ready pid=' + process.pid);
   setInterval(() => {}, 1000);`,
);

describe('ranks', () => {
  it('get their place, the store and their threads in variables; the exit code is 0', async () => {
    const program = script(
      'place.mjs',
      `const { RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT } = process.env;
       const { SCMOE_RENDEZVOUS, SCMOE_TOKEN, SCMOE_RESTART_COUNT, SCMOE_THREADS } = process.env;
       const numbers = [RANK, LOCAL_RANK, WORLD_SIZE, LOCAL_WORLD_SIZE, SCMOE_RESTART_COUNT, SCMOE_THREADS].map(Number);
       console.log(JSON.stringify({ numbers, args: process.argv.slice(2), MASTER_ADDR, MASTER_PORT, SCMOE_RENDEZVOUS, SCMOE_TOKEN }));`,
    );
    const { code, out, err } = await launch([program, '--flag', '-n', '7'], { ranksHere: 3 }).done;
    expect(err).toBe('');
    expect(code).toBe(0);
    const said = lines(out)
      .sort()
      .map((line) => JSON.parse(line.replace(/^\[rank \d\] /, '')) as Record<string, unknown>);
    const threads = Math.max(1, Math.floor(availableParallelism() / 3));
    expect(said.map(({ numbers }) => numbers)).toEqual([0, 1, 2].map((rank) => [rank, rank, 3, 3, 0, threads]));
    for (const rank of said) {
      expect(rank).toMatchObject({ args: ['--flag', '-n', '7'], MASTER_ADDR: '127.0.0.1' });
      expect(rank['SCMOE_RENDEZVOUS']).toMatch(/^127\.0\.0\.1:\d+$/);
      expect(rank['SCMOE_TOKEN']).toMatch(/^[0-9a-f]{64}$/);
      expect(rank['MASTER_PORT']).not.toBe(String(rank['SCMOE_RENDEZVOUS']).split(':')[1]);
      expect({ ...rank, numbers: 0 }).toEqual({ ...said[0], numbers: 0 });
    }
  });

  it('may have the terminal for themselves: one of them is not prefixed', async () => {
    const { code, out } = await launch(['sh', '-c', 'printf "$RANK\\rbar\\n"'], { ranksHere: 2, attachedRank: 0 }).done;
    expect(lines(out).sort()).toEqual(['0\rbar', '[rank 1] 1\rbar']);
    expect(code).toBe(0);
  });

  it('name the one that failed, attached or not', async () => {
    const { code, err } = await launch(['sh', '-c', 'test $RANK = 1 || exit 3; sleep 20'], {
      ranksHere: 2,
      attachedRank: 0,
    }).done;
    expect(err).toMatch(/rank 0 failed first: exit status 3/);
    expect(err).not.toMatch(/last|printed/);
    expect(code).toBe(3);
  });

  it('keep the threads that somebody has set', async () => {
    const { out } = await launch(['sh', '-c', 'echo $SCMOE_THREADS'], {}, { SCMOE_THREADS: '7' }).done;
    expect(out).toBe('[rank 0] 7\n');
  });

  it('may be any program, whose flags are its own', async () => {
    const { code, out } = await launch(['sh', '-c', 'echo "$0 $1 of $WORLD_SIZE"', 'a', '-n'], { ranksHere: 2 }).done;
    expect(lines(out).sort()).toEqual(['[rank 0] a -n of 2', '[rank 1] a -n of 2']);
    expect(code).toBe(0);
  });

  it('may be many', async () => {
    const { code, out, err } = await launch(['sh', '-c', 'echo $RANK; echo $RANK >&2'], { ranksHere: 24 }).done;
    const ranks = Array.from({ length: 24 }, (_, rank) => `[rank ${rank}] ${rank}`).sort();
    expect([lines(out).sort(), lines(err).sort()]).toEqual([ranks, ranks]);
    expect(code).toBe(0);
  });

  it('that all fail at once are a failure', async () => {
    const { code, err } = await launch(['sh', '-c', 'exit 4'], { ranksHere: 4 }).done;
    expect(err).toMatch(/rank \d failed first: exit status 4/);
    expect(code).toBe(4);
  });

  it('find an empty stdin', async () => {
    const { code, out } = await launch(['sh', '-c', 'cat; echo end']).done;
    expect(out).toBe('[rank 0] end\n');
    expect(code).toBe(0);
  });
});

describe('output', () => {
  it('never mixes inside of a line, partial and long lines included; files get the bytes', async () => {
    const program = script(
      'lines.mjs',
      `import { writeSync } from 'node:fs';
       const letter = 'abc'[process.env.RANK];
       const write = (text) => { for (let b = Buffer.from(text); b.length; ) { try { b = b.subarray(writeSync(1, b)); } catch (e) { if (e.code !== 'EAGAIN') throw e; } } };
       for (let i = 0; i < 300; i++) { write(letter.repeat(40)); write(letter.repeat(40) + '\\n'); }
       write(letter.repeat(100_000) + '\\n');
       console.error('to stderr');
       write('no end');`,
    );
    const logs = join(folder, 'logs');
    const { code, out, err } = await launch([program], { ranksHere: 3, logFolder: logs }).done;
    expect(code).toBe(0);
    for (const [rank, letter] of ['a', 'b', 'c'].entries()) {
      const lead = `[rank ${rank}] `;
      const own = lines(out).filter((line) => line.startsWith(lead));
      const texts = own.map((line) => line.slice(lead.length));
      expect(texts.slice(0, 300)).toEqual(Array.from({ length: 300 }, () => letter.repeat(80)));
      expect(texts.slice(300, -1).join('')).toBe(letter.repeat(100_000));
      expect(texts.at(-1)).toBe('no end');
      expect(lines(err)).toContain(`${lead}to stderr`);
      const log = readFileSync(join(logs, 'restart-0', `rank-${rank}.out.log`), 'utf8');
      expect(log).toBe(`${letter.repeat(80)}\n`.repeat(300) + letter.repeat(100_000) + '\nno end');
      expect(readFileSync(join(logs, 'restart-0', `rank-${rank}.err.log`), 'utf8')).toBe('to stderr\n');
    }
    expect(lines(out).every((line) => /^\[rank [012]\] (a+|b+|c+|no end)$/.test(line))).toBe(true);
  });

  it('ends the ranks when its reader goes', async () => {
    const program = script('chatter.mjs', `setInterval(() => console.log('pid=' + process.pid), 5);`);
    const started = launch([program], { ranksHere: 2 });
    await until(() => new Set(pidsIn(started.out())).size === 2);
    const pids = [...new Set(pidsIn(started.out()))];
    started.process.stdout!.destroy();
    await started.done;
    await until(() => !pids.some(isRunning));
  });

  it('that nobody reads any more lets ranks go on that do so by themselves', async () => {
    const mark = join(folder, 'unread-');
    const program = script(
      'goes-on.mjs',
      `import { writeFileSync } from 'node:fs';
       let lost = 0;
       process.stdout.on('error', () => { if (++lost > 3) { writeFileSync(${JSON.stringify(mark)} + process.env.RANK, ''); process.exit(0); } });
       setInterval(() => console.log('pid=' + process.pid), 5);`,
    );
    const started = launch([program], { ranksHere: 2 });
    await until(() => new Set(pidsIn(started.out())).size === 2);
    started.process.stdout!.destroy();
    const { code, err } = await started.done;
    expect(err).toBe('');
    expect(code).toBe(0);
    expect([0, 1].map((rank) => existsSync(mark + rank))).toEqual([true, true]);
  });
});

describe('a failure', () => {
  it('names the first rank with its last 20 lines, ends the others, and its exit code is the code', async () => {
    const program = script(
      'fails.mjs',
      `import { existsSync, writeFileSync } from 'node:fs';
       const mark = ${JSON.stringify(join(folder, 'ready-'))};
       if (process.env.RANK !== '1') { console.log('pid=' + process.pid); writeFileSync(mark + process.env.RANK, ''); setInterval(() => {}, 1000); }
       else {
         while (!existsSync(mark + 0) || !existsSync(mark + 2)) await new Promise((r) => setTimeout(r, 10));
         for (let i = 1; i <= 30; i++) console.log('line ' + i);
         process.exitCode = 42;
       }`,
    );
    const { code, out, err } = await launch([program], { ranksHere: 3 }).done;
    expect(code).toBe(42);
    expect(err).toMatch(/scmoe: rank 1 failed first: exit status 42 \(pid \d+ on \S+, after [\d.]+ m?s\)\./);
    const tail = err.split('the last 20 lines of rank 1:\n')[1]!;
    expect(lines(tail)).toEqual(Array.from({ length: 20 }, (_, i) => `  line ${i + 11}`));
    expect(pidsIn(out)).toHaveLength(2);
    expect(pidsIn(out).some(isRunning)).toBe(false);
  });

  it('by a signal is 128 and its number', async () => {
    const started = launch([waits], { ranksHere: 2 });
    await until(() => pidsIn(started.out()).length === 2);
    const victim = Number(/\[rank 1\] ready pid=(\d+)/.exec(started.out())![1]);
    process.kill(victim, 'SIGKILL');
    const { code, err, out } = await started.done;
    expect(code).toBe(137);
    expect(err).toContain(`rank 1 failed first: killed by SIGKILL (pid ${victim}`);
    expect(pidsIn(out).some(isRunning)).toBe(false);
  });

  it('ends ranks that ignore SIGTERM, stopped ones and grandchildren too', async () => {
    const mark = join(folder, 'stubborn-');
    const stubborn = `trap "" TERM; (trap "" TERM; echo pid=$(sh -c 'echo $PPID'); : > ${mark}child$RANK; while :; do sleep 0.2; done) & echo pid=$$; : > ${mark}$RANK;`;
    // Rank 1 fails when all have said who they are, and rank 2 is stopped.
    const fail = `until set -- ${mark}*; [ $# = 6 ]; do sleep 0.05; done; sleep 0.2; exit 5`;
    const program = `${stubborn} if [ $RANK = 1 ]; then ${fail}; fi; if [ $RANK = 2 ]; then kill -STOP $$; fi; while :; do sleep 0.2; done`;
    const { code, out, err } = await launch(['sh', '-c', program], { ranksHere: 3, graceMs: 500 }).done;
    expect(err).toContain('rank 1 failed first: exit status 5');
    expect(code).toBe(5);
    expect(pidsIn(out)).toHaveLength(6);
    await until(() => !pidsIn(out).some(isRunning));
  });

  it('of a command that is not there is 127, and is not tried again', async () => {
    const { code, err } = await launch(['no-such-program'], { ranksHere: 2, maxRestarts: 3 }).done;
    expect(code).toBe(127);
    expect(err).toContain('failed first: the command was not found');
    expect(err).not.toContain('starting all ranks again');
  });

  it('is no failure of a rank that ended well before', async () => {
    const { code, err } = await launch(['sh', '-c', '[ $RANK = 0 ] || { sleep 0.5; exit 9; }'], { ranksHere: 2 }).done;
    expect(code).toBe(9);
    expect(err).toMatch(/rank 1 failed first: exit status 9/);
  });

  it('leaves nothing of what a rank that ended well has started', async () => {
    const mark = join(folder, 'child');
    const child = `(echo pid=$(sh -c 'echo $PPID'); : > ${mark}; while :; do sleep 0.2; done)`;
    const { code, out } = await launch(['sh', '-c', `${child} & until [ -e ${mark} ]; do sleep 0.05; done`]).done;
    expect(code).toBe(0);
    expect(pidsIn(out)).toHaveLength(1);
    await until(() => !pidsIn(out).some(isRunning));
  });
});

describe('--max-restarts', () => {
  it('starts all ranks again, with a store of its own, until they end well', async () => {
    const program = script(
      'restarts.mjs',
      `import { StoreClient } from '${join(import.meta.dirname, '../rendezvous/StoreClient.ts')}';
       const { RANK, SCMOE_RESTART_COUNT, SCMOE_TOKEN: token, SCMOE_RENDEZVOUS } = process.env;
       const store = await StoreClient.connect({ port: Number(SCMOE_RENDEZVOUS.split(':')[1]), token, timeoutMs: 120_000 });
       const order = await store.add('arrivals', 1);
       await store.set('rank' + RANK, Buffer.from(SCMOE_RESTART_COUNT));
       const other = Buffer.from(await store.get('rank' + (1 - RANK))).toString();
       console.log('attempt ' + SCMOE_RESTART_COUNT + ' other ' + other + ' order ok ' + (order <= 2));
       await store.add('said', 1);
       while (await store.add('said', 0) < 2);
       if (SCMOE_RESTART_COUNT !== '2' && RANK === '1') process.exit(6);
       if (SCMOE_RESTART_COUNT !== '2') setInterval(() => {}, 1000);`,
    );
    const { code, out, err } = await launch([program], { ranksHere: 2, maxRestarts: 5 }).done;
    expect(err.match(/starting all ranks again \(restart \d of 5\)/g)).toEqual([
      'starting all ranks again (restart 1 of 5)',
      'starting all ranks again (restart 2 of 5)',
    ]);
    expect(code).toBe(0);
    const said = [0, 1, 2].flatMap((n) => [0, 1].map((r) => `[rank ${r}] attempt ${n} other ${n} order ok true`));
    expect(lines(out).sort()).toEqual(said.sort());
  });

  it('gives up after so many, with the last failure', async () => {
    const { code, err } = await launch(['sh', '-c', 'exit $((3 + SCMOE_RESTART_COUNT))'], { maxRestarts: 1 }).done;
    expect(code).toBe(4);
    expect(err.match(/starting all ranks again/g)).toHaveLength(1);
    expect(err).toMatch(/exit status 3[\s\S]*restart 1 of 1[\s\S]*exit status 4/);
  });

  it('counts only failures without progress, which the ranks tell in a file', async () => {
    // Starts 0, 2 and 3 come further than any before; 1 repeats what was done, 4 and 5 say no number or less.
    const said = '10 10 20 30 nonsense 5';
    const program = `set -- ${said}; shift $SCMOE_RESTART_COUNT; echo $1 > $SCMOE_PROGRESS_FILE; exit $((40 + SCMOE_RESTART_COUNT))`;
    const { code, err } = await launch(['sh', '-c', program], { maxRestarts: 1 }).done;
    expect(err.match(/starting all ranks again.*/g)).toEqual([
      'starting all ranks again (the run has come to step 10 since the last start: this restart does not count).',
      'starting all ranks again (restart 1 of 1).',
      'starting all ranks again (the run has come to step 20 since the last start: this restart does not count).',
      'starting all ranks again (the run has come to step 30 since the last start: this restart does not count).',
      'starting all ranks again (restart 1 of 1).',
    ]);
    expect(code).toBe(45);
  });

  it('takes the file of progress away in the end, and offers none where nothing is started again', async () => {
    const { out } = await launch(['sh', '-c', 'echo "$SCMOE_PROGRESS_FILE"; echo 1 > "$SCMOE_PROGRESS_FILE"'], {
      maxRestarts: 1,
    }).done;
    const path = out.trim().replace('[rank 0] ', '');
    expect(path).toMatch(/scmoe-launch-\w+\/progress$/);
    expect(existsSync(dirname(path))).toBe(false);
    expect((await launch(['sh', '-c', 'echo "<$SCMOE_PROGRESS_FILE>"']).done).out).toBe('[rank 0] <>\n');
  });
});

describe('signals', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)(
    '%s goes to the ranks, which may take their time',
    async (signal) => {
      const program = script(
        `${signal}.mjs`,
        `process.on('${signal}', () => { console.log('saving'); setTimeout(() => { console.log('saved'); process.exit(0); }, 300); });
       console.log('ready'); setInterval(() => {}, 1000);`,
      );
      const started = launch([program], { ranksHere: 2, maxRestarts: 2 });
      await until(() => lines(started.out()).length === 2);
      started.process.kill(signal);
      const { code, out, err } = await started.done;
      expect(lines(out).filter((line) => line.endsWith('saved'))).toHaveLength(2);
      expect(code).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGUSR1: 138 }[signal]);
      expect(err).toBe('');
    },
  );

  /** A program that saves when it is told to end, until a second after it has been told so often. */
  const savesWhenTold = (times: number) => `let told = 0;
     const hear = (name, number) => process.on(name, () => {
       console.log(told++ > 0 ? 'again' : 'saving');
       if (told === ${times}) setTimeout(() => { console.log('saved'); process.exit(128 + number); }, 1000);
     });
     hear('SIGTERM', 15); hear('SIGINT', 2);
     console.log('ready pid=' + process.pid); setInterval(() => {}, 1000);`;
  const saves = script('saves.mjs', savesWhenTold(1));
  const savesWhenToldTwice = script('savesWhenToldTwice.mjs', savesWhenTold(2));

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s to launcher and ranks, and again, kills nobody who saves',
    async (name) => {
      const started = launch([savesWhenToldTwice], { ranksHere: 2, maxRestarts: 2, graceMs: 100 });
      await until(() => pidsIn(started.out()).length === 2);
      for (const pid of pidsIn(started.out())) process.kill(pid, name);
      // The launcher hands it on: one that came before the first was taken would be the same one.
      await until(() => started.out().match(/\] saving/g)?.length === 2);
      started.process.kill(name);
      await until(() => started.out().match(/\] again/g)?.length === 2);
      started.process.kill(name);
      const { code, out, err } = await started.done;
      expect(out.match(/\] saved/g)).toHaveLength(2);
      expect(code).toBe(name === 'SIGTERM' ? 143 : 130);
      expect(err).toBe('');
    },
  );

  it('of one rank alone end the run without a restart, when the others have saved', async () => {
    const started = launch([saves], { ranksHere: 2, maxRestarts: 2, graceMs: 100 });
    await until(() => pidsIn(started.out()).length === 2);
    process.kill(pidsIn(started.out())[0]!, 'SIGTERM');
    const { code, out, err } = await started.done;
    expect(out.match(/\] saved/g)).toHaveLength(2);
    expect(code).toBe(143);
    expect(err).toMatch(/rank \d was told to end \(SIGTERM\): so does the run/);
    expect(err).not.toContain('again');
  });

  it('end with the status of a rank that fails while it saves', async () => {
    const program = `trap 'exit 7' TERM; echo pid=$$; while :; do sleep 0.05; done`;
    const started = launch(['sh', '-c', program], { ranksHere: 2, maxRestarts: 2 });
    await until(() => pidsIn(started.out()).length === 2);
    started.process.kill('SIGTERM');
    const { code, err } = await started.done;
    expect(err).toMatch(/rank \d failed when it was told to end \(SIGTERM\): exit status 7/);
    expect(code).toBe(7);
  });

  describeUnless(ptyProblem, 'at a terminal', () => {
    it('the second Ctrl-C kills', async () => {
      const program = script(
        'ignores.mjs',
        `process.on('SIGINT', () => console.log('no')); process.on('SIGTERM', () => {});
         console.log('ready pid=' + process.pid); setInterval(() => {}, 1000);`,
      );
      const started = launchAtTerminal([program], { ranksHere: 2 });
      await until(() => pidsIn(started.out()).length === 2);
      started.press('\x03');
      await until(() => started.out().match(/\] no/g)?.length === 2);
      expect(pidsIn(started.out()).every(isRunning)).toBe(true);
      // What comes at once is the same Ctrl-C.
      await setTimeout(secondInterruptMs + 100);
      started.press('\x03');
      const { code, out } = await started.done;
      expect(code).toBe(130);
      expect(pidsIn(out).some(isRunning)).toBe(false);
    });
  });

  it('ranks that do not end in time are killed', async () => {
    const program = `trap "" TERM; echo ready pid=$$; while :; do sleep 0.2; done`;
    const started = launch(['sh', '-c', program], { ranksHere: 2, stopTimeoutMs: 500 });
    await until(() => pidsIn(started.out()).length === 2);
    started.process.kill('SIGTERM');
    const { code, out } = await started.done;
    expect(code).toBe(143);
    await until(() => !pidsIn(out).some(isRunning));
  });

  it('a launcher that is killed takes its ranks and grandchildren along', async () => {
    const program = `(echo pid=$(sh -c 'echo $PPID'); while :; do sleep 0.2; done) & echo pid=$$; while :; do sleep 0.2; done`;
    const started = launch(['sh', '-c', program], { ranksHere: 2 });
    await until(() => pidsIn(started.out()).length === 4);
    const pids = pidsIn(started.out());
    started.process.kill('SIGKILL');
    await until(() => !pids.some(isRunning));
  });
});
