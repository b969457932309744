import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { allowedCores } from './cores.mjs';
import { labNamespaces, newLabName, removeNamespaces, script, staleNamespaces } from './labName.mjs';
import { networkLabProblem } from './networkLabProblem.mjs';

const masterPort = 29_500;

/** A lab: `ranks` hosts on one switch. See index.d.mts. */
export class NetworkLab {
  #name;
  #supervisor;
  #shape;
  #cores;
  #token = randomBytes(16).toString('hex');
  #closing;

  static async open({ ranks, rate = '', burst = '128kb', latency = '30ms', pin = false }) {
    if (!Number.isInteger(ranks) || ranks < 2 || ranks > 8) {
      throw new RangeError(`ranks: expected a whole number from 2 to 8, got ${ranks}`);
    }
    const problem = networkLabProblem();
    if (problem) throw new Error(problem);
    removeNamespaces(staleNamespaces());

    const lab = new NetworkLab();
    lab.ranks = ranks;
    lab.#name = newLabName();
    lab.#shape = { rate, burst, latency };
    const cores = allowedCores();
    lab.#cores = pin && cores.length >= ranks ? cores.slice(0, ranks) : undefined;
    // A session of its own: it outlives this process, and Ctrl-C does not reach it.
    lab.#supervisor = spawn('/bin/sh', [script, 'hold', lab.#name, String(ranks), rate, burst, latency], {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { stdin, stdout, stderr } = lab.#supervisor;
    stdin.on('error', () => undefined);
    const complaint = text(stderr);
    const [line] = await Promise.race([once(stdout, 'data'), once(stdout, 'end')]);
    if (line === undefined) throw new Error(`the network lab could not be set up: ${(await complaint).trim()}`);
    // A program that forgets its lab may end all the same.
    for (const handle of [lab.#supervisor, stdin, stdout, stderr]) handle.unref();
    return lab;
  }

  get pinned() {
    return this.#cores !== undefined;
  }

  address(rank) {
    return `10.77.0.${this.#checked(rank) + 1}`;
  }

  /** Each namespace is a host of its own with one rank; the store is rank 0's, as under torchrun without our launcher. */
  wrap(rank, command, args = []) {
    const env = {
      SCMOE_THREADS: String(Math.max(1, Math.floor(allowedCores().length / this.ranks))),
      ...process.env,
      RANK: String(rank),
      WORLD_SIZE: String(this.ranks),
      LOCAL_RANK: '0',
      LOCAL_WORLD_SIZE: '1',
      GROUP_RANK: String(rank),
      MASTER_ADDR: this.address(0),
      MASTER_PORT: String(masterPort),
      SCMOE_TOKEN: this.#token,
      SCMOE_LISTEN_HOST: this.address(rank),
      GLOO_SOCKET_IFNAME: 'eth0',
    };
    delete env.SCMOE_RENDEZVOUS;
    const pin = this.#cores === undefined ? [] : ['taskset', '-c', String(this.#cores[rank])];
    return { command: 'ip', args: ['netns', 'exec', this.#host(rank), ...pin, command, ...args], env };
  }

  start(rank, command, args = [], { env = {}, ...options } = {}) {
    const wrapped = this.wrap(rank, command, args);
    return spawn(wrapped.command, wrapped.args, { ...options, env: { ...wrapped.env, ...env } });
  }

  async run(rank, command, args = [], options = {}) {
    const child = this.start(rank, command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { code, signal, stdout, stderr };
  }

  setRate(rate) {
    const { burst, latency } = this.#shape;
    for (let rank = 0; rank < this.ranks; rank++) {
      for (const [namespace, device] of [
        [this.#host(rank), 'eth0'],
        [this.#hub, `rank${rank}`],
      ]) {
        const shape = ['rate', rate, 'burst', burst, 'latency', latency];
        run('tc', ['-n', namespace, 'qdisc', 'replace', 'dev', device, 'root', 'tbf', ...shape]);
      }
    }
    this.#shape.rate = rate;
  }

  /** Neither end sees its link go down, as when a switch in between fails: frames get lost, that is all. */
  cut(rank) {
    run('ip', ['-n', this.#hub, 'link', 'set', `rank${this.#checked(rank)}`, 'nomaster']);
  }

  restore(rank) {
    run('ip', ['-n', this.#hub, 'link', 'set', `rank${this.#checked(rank)}`, 'master', 'hub']);
  }

  close() {
    return (this.#closing ??= this.#close());
  }

  async #close() {
    const { exitCode, signalCode } = this.#supervisor;
    const ended = exitCode !== null || signalCode !== null || once(this.#supervisor, 'exit');
    this.#supervisor.ref();
    this.#supervisor.stdin.end();
    await ended;
    // Nothing is left, unless somebody has killed the supervisor.
    removeNamespaces(labNamespaces(this.#name));
  }

  #host(rank) {
    return `${this.#name}-${this.#checked(rank)}`;
  }

  get #hub() {
    return `${this.#name}-hub`;
  }

  #checked(rank) {
    if (Number.isInteger(rank) && rank >= 0 && rank < this.ranks) return rank;
    throw new RangeError(`rank: expected a whole number from 0 to ${this.ranks - 1}, got ${rank}`);
  }
}

function run(command, args) {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.trim()}`);
}
