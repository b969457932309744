#pragma once
#include "bindings/call.h"
#include "comm/communicator.h"

namespace scmoe::comm {

/// What every engine's open function takes: `openOptions` of signatures/comm/communicator.ts.
template <typename Arguments>
CommunicatorOptions optionsOf(const Call& call, const Arguments& args) {
  call.expect(args.rank < args.size, "rank", "a rank below size " + std::to_string(args.size), args.rank);
  CommunicatorOptions options;
  options.group = args.group;
  options.watch.group = args.group;
  options.watch.rank = static_cast<int>(args.rank);
  options.watch.size = static_cast<int>(args.size);
  options.watch.host = args.watchHost;
  options.watch.port = static_cast<int>(args.watchPort);
  options.watch.token = args.watchToken;
  options.watch.serverRank = static_cast<int>(args.serverRank);
  options.watch.silence = Milliseconds(args.silenceMs);
  options.recordFolder = args.recordFolder;
  options.recordCapacity = static_cast<size_t>(args.recordCapacity);
  options.closeGrace = Milliseconds(args.closeGraceMs);
  return options;
}

}  // namespace scmoe::comm
