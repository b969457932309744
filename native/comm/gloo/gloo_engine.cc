#include "comm/gloo/gloo_engine.h"

#include <algorithm>
#include <cstring>

#include "comm/error.h"
#include "comm/header.h"
#include "comm/reduce.h"

namespace scmoe::comm {

namespace {

// A reduction keeps every other rank's share of a piece at hand: this bounds it, and a longer vector goes piece by
// piece.
constexpr size_t kPieceBytes = size_t{32} << 20;
// Shorter broadcasts go from the root to everybody; longer ones in shares, or the root's link would carry all copies.
constexpr size_t kShortBroadcast = size_t{64} << 10;
// Where time is latency, every rank gets all vectors whole and adds them up itself: one step instead of two.
constexpr size_t kShortReduction = size_t{32} << 10;  // bytes from all other ranks
constexpr size_t kKeepScratch = size_t{64} << 20;

/// Offsets at which `total` elements split into `parts` shares whose lengths differ by one at most.
std::vector<size_t> shares(size_t total, int parts) {
  std::vector<size_t> offsets(parts + 1);
  for (int i = 0; i <= parts; ++i) offsets[i] = total / parts * i + std::min<size_t>(i, total % parts);
  return offsets;
}

/// Offsets in elements of parts that follow each other without gaps.
std::vector<size_t> offsetsOf(const std::vector<int64_t>& counts) {
  std::vector<size_t> offsets(counts.size() + 1);
  for (size_t i = 0; i < counts.size(); ++i) offsets[i + 1] = offsets[i] + static_cast<size_t>(counts[i]);
  return offsets;
}

std::vector<size_t> scaled(std::vector<size_t> offsets, size_t bytesPerElement) {
  for (size_t& offset : offsets) offset *= bytesPerElement;
  return offsets;
}

/// Where float32 data travels as bf16, both ends work on a rounded copy; else on the data itself.
class WireView {
 public:
  WireView(const Request& request, size_t inputElements, size_t outputElements)
      : request_(request), outputElements_(outputElements), narrow_(request.wire != request.dtype) {
    if (!narrow_) return;
    in_.resize(inputElements);
    out_.resize(outputElements);
    if (inputElements > 0 && request.input) toBf16(static_cast<const float*>(request.input), in_.data(), inputElements);
  }
  const char* input() const {
    return narrow_ ? reinterpret_cast<const char*>(in_.data()) : static_cast<const char*>(request_.input);
  }
  char* output() { return narrow_ ? reinterpret_cast<char*>(out_.data()) : static_cast<char*>(request_.output); }
  void finish() {
    if (narrow_) fromBf16(out_.data(), static_cast<float*>(request_.output), outputElements_);
  }

 private:
  const Request& request_;
  const size_t outputElements_;
  const bool narrow_;
  std::vector<uint16_t> in_, out_;
};

void copy(char* target, const char* source, size_t bytes) {
  if (bytes > 0 && target != source) std::memmove(target, source, bytes);
}

}  // namespace

void GlooEngine::connect(Deadline deadline) {
  mesh_->connect(everybody_, deadline);
  everybody_.clear();
}

void GlooEngine::run(const Request& request, uint64_t sequence, Deadline deadline, const Progress& progress) {
  sequence_ = sequence;
  step_ = 0;
  deadline_ = deadline;
  std::vector<int> others;
  for (int peer = 0; peer < size(); ++peer)
    if (peer != rank()) others.push_back(peer);
  progress(WorkState::kWaitingForRanks, others);
  agree(request, sequence, deadline);
  progress(WorkState::kMovingData, {});
  switch (request.operation) {
    case Operation::kAllToAll:
    case Operation::kAllToAllV: allToAllV(request); break;
    case Operation::kAllReduce: allReduce(request); break;
    case Operation::kAllGather:
    case Operation::kAllGatherV: allGatherV(request); break;
    case Operation::kReduceScatter: reduceScatter(request); break;
    case Operation::kBroadcast: broadcast(request); break;
    default: break;  // a barrier is the exchange of headers
  }
  if (scratch_.capacity() > kKeepScratch) std::vector<char>().swap(scratch_);
}

/// Every rank tells every other one what it is about to do; none goes on unless all of it fits.
void GlooEngine::agree(const Request& request, uint64_t sequence, Deadline deadline) {
  std::vector<std::vector<char>> headers(size(), std::vector<char>(headerBytes(size())));
  headers[rank()] = packHeader(request, sequence, rank(), size());
  std::vector<Message> sends, receives;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) continue;
    receives.push_back({peer, headers[peer].data(), headers[peer].size()});
    sends.push_back({peer, headers[rank()].data(), headers[rank()].size()});
  }
  deadline_ = deadline;
  exchange(receives, sends);
  checkHeaders(headers);
}

void GlooEngine::exchange(const std::vector<Message>& receives, const std::vector<Message>& sends,
                          const std::function<void()>& meanwhile) {
  // Both ends count the steps of a collective alike. 256 steps would be 8 GiB of a reduction; wrapping is harmless, for
  // a step begins when the one before it has ended.
  mesh_->exchange(receives, sends, (sequence_ << 8) | (step_++ & 0xff), deadline_, meanwhile);
}

void GlooEngine::leave(uint64_t sequence, Deadline deadline) noexcept {
  Request request;
  request.operation = Operation::kClose;
  sequence_ = sequence;
  step_ = 0;
  try {
    agree(request, sequence, deadline);
  } catch (...) {
    // A rank that has closed its connection, or does not close in time, is of no concern any more.
  }
}

void GlooEngine::allToAllV(const Request& request) {
  const size_t bytes = sizeOf(request.wire);
  const auto from = offsetsOf(request.recvCounts);
  const auto to = offsetsOf(request.sendCounts);
  WireView view(request, to.back(), from.back());
  std::vector<Message> sends, receives;
  // Each rank begins with its neighbour, so that not all send to the same one first.
  for (int i = 1; i < size(); ++i) {
    const int source = (rank() - i + size()) % size();
    receives.push_back({source, view.output() + from[source] * bytes, (from[source + 1] - from[source]) * bytes});
    const int target = (rank() + i) % size();
    sends.push_back(
        {target, const_cast<char*>(view.input()) + to[target] * bytes, (to[target + 1] - to[target]) * bytes});
  }
  exchange(receives, sends, [&] {
    copy(view.output() + from[rank()] * bytes, view.input() + to[rank()] * bytes,
         (to[rank() + 1] - to[rank()]) * bytes);
  });
  view.finish();
}

/// Every rank's share of `target`, which it holds already, to every other rank. Offsets in bytes.
void GlooEngine::gather(void* target, const std::vector<size_t>& offsets) {
  char* base = static_cast<char*>(target);
  std::vector<Message> sends, receives;
  for (int i = 1; i < size(); ++i) {
    const int source = (rank() - i + size()) % size();
    receives.push_back({source, base + offsets[source], offsets[source + 1] - offsets[source]});
    sends.push_back({(rank() + i) % size(), base + offsets[rank()], offsets[rank() + 1] - offsets[rank()]});
  }
  exchange(receives, sends);
}

void GlooEngine::allGatherV(const Request& request) {
  const size_t bytes = sizeOf(request.wire);
  const auto offsets = scaled(offsetsOf(request.recvCounts), bytes);
  WireView view(request, request.elements, offsets.back() / bytes);
  copy(view.output() + offsets[rank()], view.input(), request.elements * bytes);
  gather(view.output(), offsets);
  view.finish();
}

/// This rank's share of `input` from every rank, in the order of the ranks. Offsets in bytes.
const std::vector<const void*>& GlooEngine::collect(const char* input, const std::vector<size_t>& offsets) {
  const size_t mine = offsets[rank() + 1] - offsets[rank()];
  if (scratch_.size() < mine * (size() - 1)) scratch_.resize(mine * (size() - 1));
  std::vector<Message> sends, receives;
  sources_.assign(size(), nullptr);
  sources_[rank()] = input + offsets[rank()];
  for (int i = 1; i < size(); ++i) {
    const int source = (rank() - i + size()) % size();
    sources_[source] = scratch_.data() + (i - 1) * mine;
    receives.push_back({source, scratch_.data() + (i - 1) * mine, mine});
    const int target = (rank() + i) % size();
    sends.push_back({target, const_cast<char*>(input) + offsets[target], offsets[target + 1] - offsets[target]});
  }
  exchange(receives, sends);
  return sources_;
}

/// Reduce-scatter, then all-gather: what a ring moves, in two steps, and with an order of summation that is the same on
/// every rank.
void GlooEngine::allReduce(const Request& request) {
  const size_t bytes = sizeOf(request.dtype);
  if (const size_t total = request.elements * bytes; total * (size() - 1) <= kShortReduction) {
    if (scratch_.size() < total * (size() - 1)) scratch_.resize(total * (size() - 1));
    std::vector<Message> sends, receives;
    sources_.assign(size(), request.input);
    for (int i = 1; i < size(); ++i) {
      const int source = (rank() - i + size()) % size();
      sources_[source] = scratch_.data() + (i - 1) * total;
      receives.push_back({source, scratch_.data() + (i - 1) * total, total});
      sends.push_back({(rank() + i) % size(), const_cast<void*>(request.input), total});
    }
    exchange(receives, sends);
    return reduce(request.dtype, request.reduction, sources_, request.output, request.elements);
  }
  const size_t piece = kPieceBytes / bytes;
  for (size_t begin = 0; begin < request.elements; begin += piece) {
    const size_t elements = std::min(piece, request.elements - begin);
    const char* input = static_cast<const char*>(request.input) + begin * bytes;
    char* output = static_cast<char*>(request.output) + begin * bytes;
    const auto offsets = scaled(shares(elements, size()), bytes);
    const auto& sources = collect(input, offsets);
    const size_t mine = (offsets[rank() + 1] - offsets[rank()]) / bytes;
    reduce(request.dtype, request.reduction, sources, output + offsets[rank()], mine);
    gather(output, offsets);
  }
}

void GlooEngine::reduceScatter(const Request& request) {
  const size_t bytes = sizeOf(request.dtype);
  const size_t share = request.elements / size();
  const char* input = static_cast<const char*>(request.input);
  // In pieces of every share: the shares of the whole input lie far apart.
  const size_t piece = std::max<size_t>(1, kPieceBytes / bytes / size());
  for (size_t begin = 0; begin < share; begin += piece) {
    const size_t elements = std::min(piece, share - begin);
    if (scratch_.size() < elements * bytes * (size() - 1)) scratch_.resize(elements * bytes * (size() - 1));
    std::vector<Message> sends, receives;
    sources_.assign(size(), nullptr);
    sources_[rank()] = input + (rank() * share + begin) * bytes;
    for (int i = 1; i < size(); ++i) {
      const int source = (rank() - i + size()) % size();
      sources_[source] = scratch_.data() + (i - 1) * elements * bytes;
      receives.push_back({source, scratch_.data() + (i - 1) * elements * bytes, elements * bytes});
      const int target = (rank() + i) % size();
      sends.push_back({target, const_cast<char*>(input) + (target * share + begin) * bytes, elements * bytes});
    }
    exchange(receives, sends);
    reduce(request.dtype, request.reduction, sources_, static_cast<char*>(request.output) + begin * bytes, elements);
  }
}

/// Short data goes from the root to everybody. Longer data goes out in shares, one for each other rank, and those pass
/// their shares on to each other: the root's link carries the data once.
void GlooEngine::broadcast(const Request& request) {
  WireView view(request, request.elements, request.elements);
  const size_t bytes = sizeOf(request.wire);
  const size_t total = request.elements * bytes;
  const bool isRoot = rank() == request.root;
  if (isRoot) copy(view.output(), view.input(), total);
  const bool isShort = total <= kShortBroadcast || size() == 2;

  std::vector<Message> shareOf(size());
  const auto offsets = scaled(shares(request.elements, std::max(1, size() - 1)), bytes);
  for (int peer = 0, share = 0; peer < size(); ++peer) {
    if (peer == request.root) continue;
    shareOf[peer] = isShort ? Message{peer, view.output(), total}
                            : Message{peer, view.output() + offsets[share], offsets[share + 1] - offsets[share]};
    ++share;
  }
  const auto others = [&](int except) {
    std::vector<int> list;
    for (int i = 1; i < size(); ++i)
      if (const int peer = (rank() + i) % size(); peer != except) list.push_back(peer);
    return list;
  };

  std::vector<Message> sends, receives;
  if (isRoot) {
    for (int peer : others(request.root)) sends.push_back(shareOf[peer]);
  } else {
    receives.push_back({request.root, shareOf[rank()].data, shareOf[rank()].bytes});
  }
  exchange(receives, sends);
  if (!isShort && !isRoot) {
    sends.clear();
    receives.clear();
    for (int peer : others(request.root)) {
      receives.push_back(shareOf[peer]);
      sends.push_back({peer, shareOf[rank()].data, shareOf[rank()].bytes});
    }
    exchange(receives, sends);
  }
  view.finish();
}

}  // namespace scmoe::comm
