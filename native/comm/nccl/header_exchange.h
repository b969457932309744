#pragma once
#include <vector>

#include "comm/header.h"
#include "comm/nccl/device_collectives.h"

namespace scmoe::comm {

/// The headers of all ranks, to every rank, through the device: each straight to each, so that what has come tells who
/// has come.
class HeaderExchange {
 public:
  explicit HeaderExchange(const DeviceGroup& group);

  /// @returns one packed header of each rank. @throws CommError (timeout), naming the ranks whose headers did not come
  std::vector<std::vector<char>> run(const Request& request, uint64_t sequence, Poll& poll);

  /// Whether a look at the device that was begun has ended.
  bool isAtRest() const { return looked_.hasHappened(); }

 private:
  std::vector<int> missing(uint64_t sequence);

  const DeviceGroup group_;
  const size_t bytes_;  // of one header
  DeviceMemory device_;
  PinnedMemory host_;
  Event done_;
  // A look at the device while the first stream is stuck in the exchange.
  Stream lookStream_;
  PinnedMemory look_;
  Event looked_;
};

}  // namespace scmoe::comm
