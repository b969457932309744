#pragma once
#include <array>

#include "comm/nccl/cuda_device.h"
#include "comm/nccl/passage.h"
#include "comm/nccl/poll.h"

namespace scmoe::comm {

/// Tensors in host memory on their way to the device and back: piece by piece through two pinned buffers, so that a
/// core fills one while the device copies the other. Everything is ordered by the one stream.
class Staging {
 public:
  static constexpr size_t kPieceBytes = size_t{4} << 20;

  Staging(const CudaApi& api, const Stream& stream);

  /// When it returns, `host` has been read; the device has the values when the stream has come so far.
  void toDevice(const Passage& passage, const void* host, size_t elements, CudaPointer device, Poll& poll);
  /// When it returns, `host` has been written.
  void toHost(const Passage& passage, CudaPointer device, void* host, size_t elements, Poll& poll);

 private:
  struct Slot {
    explicit Slot(const CudaApi& api) : memory(api, kPieceBytes), copied(api) {}
    PinnedMemory memory;
    Event copied;
  };

  const CudaApi& api_;
  const Stream& stream_;
  std::array<Slot, 2> slots_;
};

}  // namespace scmoe::comm
