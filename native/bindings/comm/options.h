#pragma once
#include "bindings/args.h"
#include "comm/communicator.h"

namespace scmoe::comm {

/// The arguments that every engine's open function takes, from `first` on: group, rank, size, watchHost, watchPort,
/// watchToken, serverRank, silenceMs, recordFolder, recordCapacity, closeGraceMs.
inline CommunicatorOptions readOptions(const Args& args, size_t first) {
  CommunicatorOptions options;
  options.group = args.text(first);
  options.watch.group = options.group;
  options.watch.rank = static_cast<int>(args.i(first + 1));
  options.watch.size = static_cast<int>(args.i(first + 2));
  options.watch.host = args.text(first + 3);
  options.watch.port = static_cast<int>(args.i(first + 4));
  options.watch.token = args.text(first + 5);
  options.watch.serverRank = static_cast<int>(args.i(first + 6));
  options.watch.silence = Milliseconds(args.i(first + 7));
  options.recordFolder = args.text(first + 8);
  options.recordCapacity = static_cast<size_t>(args.i(first + 9));
  options.closeGrace = Milliseconds(args.i(first + 10));
  return options;
}

}  // namespace scmoe::comm
