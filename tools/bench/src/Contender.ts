import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

interface Ready {
  ready: true;
  version: string;
  firstStepSeconds: number;
  parameters: number;
  /** Names of what it can be asked to time, where that is more than steps. */
  cases?: string[];
}
interface Done {
  seconds: number;
  /** Those on a CPU, of all threads together. */
  cpuSeconds?: number;
  loss: number;
  peakBytes?: number;
  /** Bytes of tensors alone: between steps, and the most that there were. */
  heldBytes?: number;
  peakTensorBytes?: number;
  /** Kernel calls of one step. */
  kernelCalls?: number;
}

/** A benchmark process that answers `run N` on standard input with one JSON line; ours and the peer's speak alike. */
export class Contender {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
    readonly ready: Ready,
  ) {}

  static async start(
    command: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): Promise<Contender> {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, OMP_WAIT_POLICY: 'passive', ...environment },
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) throw new Error(`${command} ${args.join(' ')} ended before it was ready`);
    return new Contender(child, lines, JSON.parse(first.value) as Ready);
  }

  /** Seconds and last loss of `steps` steps. */
  run(steps: number): Promise<Done> {
    return this.ask(`run ${steps}`);
  }

  /** The answer to a line. */
  async ask(question: string): Promise<Done> {
    this.child.stdin!.write(`${question}\n`);
    const line = await this.lines.next();
    if (line.done) throw new Error('the benchmark process ended early');
    return JSON.parse(line.value) as Done;
  }

  stop(): void {
    this.child.stdin!.end();
  }
}
