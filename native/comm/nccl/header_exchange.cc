#include "comm/nccl/header_exchange.h"

#include <cstring>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

constexpr Milliseconds kLook{1000};

uint64_t sequenceOf(const char* packed) {
  Header header;
  std::memcpy(&header, packed, sizeof(header));
  return header.magic == 0 ? 0 : header.sequence;
}

}  // namespace

// Memory on both sides: the own header, then one of each rank.
HeaderExchange::HeaderExchange(const DeviceGroup& group)
    : group_(group),
      bytes_(headerBytes(group.size)),
      device_(group.cuda),
      host_(group.cuda, bytes_ * (group.size + 1)),
      done_(group.cuda),
      lookStream_(group.cuda),
      look_(group.cuda, bytes_ * (group.size + 1)),
      looked_(group.cuda) {
  const CudaPointer device = device_.reserve(bytes_ * (group.size + 1));
  // What nobody has sent must not look like a header.
  std::memset(host_.data(), 0, bytes_ * (group.size + 1));
  group.cuda.check(group.cuda.copyToDevice(device, host_.data(), bytes_ * (group.size + 1), group.stream.get()),
                   "cuMemcpyHtoDAsync of headers");
  done_.record(group.stream);
}

std::vector<std::vector<char>> HeaderExchange::run(const Request& request, uint64_t sequence, Poll& poll) {
  const auto& [cuda, nccl, comm, stream, rank, size] = group_;
  const CudaPointer own = device_.get(), all = own + bytes_;
  poll.until([&] { return done_.hasHappened(); });
  const std::vector<char> header = packHeader(request, sequence, rank, size);
  std::memcpy(host_.data(), header.data(), bytes_);
  cuda.check(cuda.copyToDevice(own, host_.data(), bytes_, stream.get()), "cuMemcpyHtoDAsync of a header");

  Request gather;
  gather.operation = Operation::kAllGatherV;
  gather.elements = bytes_ / sizeOf(DType::kInt32);
  gather.recvCounts.assign(size, static_cast<int64_t>(gather.elements));
  try {
    enqueue(group_, gather, DType::kInt32, own, all, poll);
    cuda.check(cuda.copyToHost(host_.data() + bytes_, all, bytes_ * size, stream.get()),
               "cuMemcpyDtoHAsync of headers");
    done_.record(stream);
    poll.until([&] { return done_.hasHappened(); });
  } catch (const CommError& error) {
    if (error.kind != FailureKind::kTimeout) throw;
    const std::vector<int> ranks = missing(sequence);
    if (ranks.empty()) throw;
    throw CommError(FailureKind::kTimeout, namesOf(ranks) + " did not take part in time", ranks);
  }
  std::vector<std::vector<char>> headers;
  for (int peer = 0; peer < size; ++peer) {
    const char* packed = host_.data() + bytes_ * (peer + 1);
    headers.emplace_back(packed, packed + bytes_);
  }
  return headers;
}

/// The ranks whose header of this collective is not on the device: all others, where that can't be seen.
std::vector<int> HeaderExchange::missing(uint64_t sequence) {
  const CudaApi& cuda = group_.cuda;
  const size_t bytes = bytes_ * (group_.size + 1);
  bool seen = false;
  try {
    cuda.check(cuda.copyToHost(look_.data(), device_.get(), bytes, lookStream_.get()), "cuMemcpyDtoHAsync");
    looked_.record(lookStream_);
    const std::atomic<bool> never{false};
    Poll(never, Clock::now() + kLook).until([&] { return looked_.hasHappened(); });
    seen = true;
  } catch (const CommError&) {
  }
  std::vector<int> ranks;
  for (int peer = 0; peer < group_.size; ++peer) {
    const bool hasCome = seen && sequenceOf(look_.data() + bytes_ * (peer + 1)) == sequence;
    if (peer != group_.rank && !hasCome) ranks.push_back(peer);
  }
  return ranks;
}

}  // namespace scmoe::comm
