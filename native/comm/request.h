#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "comm/dtype.h"

namespace scmoe::comm {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;

/// Values are part of the header that ranks exchange, and of the binding.
enum class Operation : uint8_t {
  kConnect = 0,
  kAllToAll = 1,
  kAllToAllV = 2,
  kAllReduce = 3,
  kAllGather = 4,
  kAllGatherV = 5,
  kReduceScatter = 6,
  kBroadcast = 7,
  kBarrier = 8,
  kClose = 9,
};

const char* nameOf(Operation operation);

/// One collective, as this rank asks for it. Memory belongs to the caller and must stay until the work is done.
/// TypeScript has checked that counts and lengths of this rank fit together; whether the ranks fit together is checked
/// by the engine, before any data moves.
struct Request {
  Operation operation = Operation::kBarrier;
  DType dtype = DType::kFloat32;
  DType wire = DType::kFloat32;  // what travels: float32 data may go as bf16
  Reduction reduction = Reduction::kSum;
  int root = 0;                 // broadcast only
  const void* input = nullptr;  // unused by a broadcast, which works in `output`
  void* output = nullptr;
  bool onDevice = false;            // both are addresses of the engine's device; what is there is ready
  size_t elements = 0;              // of the input; of the buffer, for a broadcast
  std::vector<int64_t> sendCounts;  // elements for each rank: all-to-all(v)
  std::vector<int64_t> recvCounts;  // elements from each rank: all-to-all(v), all-gather(v)
  Milliseconds timeout{300000};
};

/// `allReduce(sum, float32, 1024 elements)`: what a message about a disagreement says of each side.
std::string describe(Operation operation, DType dtype, DType wire, Reduction reduction, int root, uint64_t elements);

}  // namespace scmoe::comm
