#include "comm/nccl/staging.h"

#include <algorithm>

namespace scmoe::comm {

Staging::Staging(const CudaApi& api, const Stream& stream)
    : api_(api), stream_(stream), slots_{{Slot(api), Slot(api)}} {}

void Staging::toDevice(const Passage& passage, const void* host, size_t elements, CudaPointer device, Poll& poll) {
  const size_t bytes = sizeOf(passage.wire), piece = kPieceBytes / bytes;
  for (size_t begin = 0, i = 0; begin < elements; begin += piece, ++i) {
    const size_t count = std::min(piece, elements - begin);
    Slot& slot = slots_[i % 2];
    // An event that was never recorded has happened.
    poll.until([&] { return slot.copied.hasHappened(); });
    pack(passage, host, begin, count, slot.memory.data());
    api_.check(api_.copyToDevice(device + begin * bytes, slot.memory.data(), count * bytes, stream_.get()),
               "cuMemcpyHtoDAsync of " + std::to_string(count * bytes) + " bytes");
    slot.copied.record(stream_);
  }
}

void Staging::toHost(const Passage& passage, CudaPointer device, void* host, size_t elements, Poll& poll) {
  const size_t bytes = sizeOf(passage.wire), piece = kPieceBytes / bytes;
  const size_t pieces = (elements + piece - 1) / piece;
  const auto countOf = [&](size_t i) { return std::min(piece, elements - i * piece); };
  const auto fetch = [&](size_t i) {
    Slot& slot = slots_[i % 2];
    api_.check(api_.copyToHost(slot.memory.data(), device + i * piece * bytes, countOf(i) * bytes, stream_.get()),
               "cuMemcpyDtoHAsync of " + std::to_string(countOf(i) * bytes) + " bytes");
    slot.copied.record(stream_);
  };
  for (size_t i = 0; i < std::min<size_t>(2, pieces); ++i) fetch(i);
  for (size_t i = 0; i < pieces; ++i) {
    Slot& slot = slots_[i % 2];
    poll.until([&] { return slot.copied.hasHappened(); });
    unpack(passage, slot.memory.data(), host, i * piece, countOf(i));
    if (i + 2 < pieces) fetch(i + 2);
  }
}

}  // namespace scmoe::comm
