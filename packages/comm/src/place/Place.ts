/** Where the ranks of a run find each other. */
export interface RendezvousAddress {
  host: string;
  port: number;
  /** The secret that all ranks share. */
  token: string;
  /** Who runs the store there: a launcher of ours, or else rank 0 itself. */
  servedBy: 'launcher' | 'rank 0';
  /** The address that rank 0 listens on if it serves the store: loopback for a loopback host, else every address. */
  bind: string;
}

/** One process's place in a run. */
export interface Place {
  rank: number;
  worldSize: number;
  /** The rank among those on this host. */
  localRank: number;
  localWorldSize: number;
  /** How often the launcher has restarted the group: 0 at first. */
  restartCount: number;
  /** Absent for a world of one that no launcher started. */
  rendezvous?: RendezvousAddress;
  /** What the place was read from, for messages: `scmoe launch`, `torchrun`, `Slurm`, ... */
  source: string;
  /** One line for people where several launchers were found: which one counts, and why. */
  note?: string;
}
