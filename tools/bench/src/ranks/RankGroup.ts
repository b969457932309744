import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How one rank is started: NetworkLab's `wrap` gives such, and `loopback`. */
export interface RankCommand {
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
}

interface Rank {
  child: ChildProcess;
  lines: AsyncIterator<string>;
}

/** The ranks of one contender: processes that answer each line on standard input with one JSON line. */
export class RankGroup {
  private constructor(
    private readonly ranks: readonly Rank[],
    /** What the ranks said when they had met: the name and version of the contender. */
    readonly version: string,
  ) {}

  static async start(commands: readonly RankCommand[]): Promise<RankGroup> {
    const ranks = commands.map(({ command, args, env }) => {
      const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
      // Its end shows as the end of its lines.
      child.stdin.on('error', () => undefined);
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    });
    const [first] = (await answers(ranks)) as { version: string }[];
    return new RankGroup(ranks, first!.version);
  }

  /** Asks all ranks for the same; their answers by rank. */
  async ask<Answer>(question: string): Promise<Answer[]> {
    for (const { child } of this.ranks) child.stdin!.write(`${question}\n`);
    return (await answers(this.ranks)) as Answer[];
  }

  /** Seconds that the slowest rank needed. */
  async time(question: string): Promise<number> {
    return Math.max(...(await this.ask<{ seconds: number }>(question)).map(({ seconds }) => seconds));
  }

  async stop(): Promise<void> {
    const running = this.ranks.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    const ended = running.map(({ child }) => once(child, 'exit'));
    for (const { child } of this.ranks) child.stdin!.end();
    await Promise.all(ended);
  }
}

async function answers(ranks: readonly Rank[]): Promise<unknown[]> {
  try {
    return await Promise.all(ranks.map(answer));
  } catch (error) {
    // The others may wait for the one that has ended, longer than anybody wants to.
    for (const { child } of ranks) child.kill('SIGKILL');
    throw error;
  }
}

async function answer({ child, lines }: Rank): Promise<unknown> {
  const line = await lines.next();
  if (line.done) throw new Error(`a rank has ended early: ${child.spawnargs.join(' ')}`);
  return JSON.parse(line.value) as unknown;
}
