/** What `scmoe launch` runs, and how. */
export interface LaunchOptions {
  /** The command and its arguments; a script that ends in .js, .mjs or .cjs runs under this node. */
  command: readonly [string, ...string[]];
  /** Ranks on this host. */
  ranksHere: number;
  nodes: number;
  /** This host's number, from 0. */
  nodeRank: number;
  /** Where the launcher of node 0 serves the store; port 0 takes a free one. */
  endpoint: { host: string; port: number };
  /** The address that node 0 listens on. */
  bind: string;
  /** The secret of this run. */
  token: string;
  maxRestarts: number;
  /** A rank that has the terminal for itself: what it prints is not prefixed, and progress bars work. */
  attachedRank: number | undefined;
  /** Folder for the ranks' output. */
  logFolder: string | undefined;
  /** How long the launchers wait for each other. */
  rendezvousTimeoutMs: number;
  /** Time between SIGTERM and SIGKILL when a rank has failed. */
  graceMs: number;
  /** Time that ranks have to end after a forwarded signal. */
  stopTimeoutMs: number;
}
