/** What a refusal begins with where a rank comes to a group that it has left, or died in: `RendezvousError` 'left'. */
export const leftMark = 'left: ';
