#include "comm/nccl/nccl_engine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "comm/error.h"
#include "comm/nccl/header_exchange.h"
#include "comm/nccl/staging.h"

namespace scmoe::comm {

namespace {

// Memory on the device that is kept from one collective to the next.
constexpr size_t kKeepMemory = size_t{256} << 20;
constexpr size_t kAlignment = 256;
constexpr Milliseconds kFinalize{2000}, kRest{2000};

size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

/// All that is on the device, in the order in which it is made; it goes in the opposite order.
struct NcclEngine::Session {
  Session(const CudaApi& cuda, const NcclApi& nccl, const NcclEngineOptions& options)
      : cuda(cuda),
        device(cuda, options.device),
        stream(cuda),
        memory(cuda),
        staging(cuda, stream),
        comm(nccl),
        group{cuda, nccl, comm, stream, options.rank, options.size},
        headers(group) {}

  /// Waits until nothing on the device uses the memory any more. @returns whether that is so
  bool rest() {
    const std::atomic<bool> never{false};
    try {
      Event end(cuda);
      end.record(stream);
      Poll(never, Clock::now() + kRest).until([&] { return end.hasHappened() && headers.isAtRest(); });
      return true;
    } catch (const CommError& error) {
      // After a failure of the device nothing runs there.
      return error.kind != FailureKind::kTimeout;
    }
  }

  const CudaApi& cuda;
  CudaDevice device;
  Stream stream;
  DeviceMemory memory;
  Staging staging;
  NcclComm comm;
  DeviceGroup group;
  HeaderExchange headers;
};

NcclEngine::NcclEngine(NcclApi nccl, CudaApi cuda, NcclEngineOptions options)
    : nccl_(std::move(nccl)), cuda_(std::move(cuda)), options_(options) {}

NcclEngine::~NcclEngine() = default;

NcclUniqueId NcclEngine::createId() const {
  NcclUniqueId id{};
  const NcclResult result = nccl_.getUniqueId(&id);
  if (result != kNcclSuccess) throw CommError(FailureKind::kEngine, "ncclGetUniqueId: " + nccl_.textOf(result));
  return id;
}

Poll NcclEngine::pollUntil(Deadline deadline) const {
  return Poll(aborted_, deadline, [this] { session_->comm.checkAsync(); });
}

void NcclEngine::connect(Deadline deadline) {
  session_ = std::make_unique<Session>(cuda_, nccl_, options_);
  Poll poll = pollUntil(deadline);
  try {
    session_->comm.init(id_, rank(), size(), poll);
    // The first exchange makes the connections between every two ranks. Made later, ranks that come would wait in NCCL
    // for those that don't, and nobody could tell one from the other.
    Request request;
    request.operation = Operation::kConnect;
    agree(request, 0, deadline);
  } catch (const CommError& error) {
    if (error.kind != FailureKind::kTimeout) throw;
    throw CommError(FailureKind::kTimeout, "NCCL did not connect the " + std::to_string(size()) + " ranks in time");
  }
}

void NcclEngine::run(const Request& request, uint64_t sequence, Deadline deadline, const Progress& progress) {
  std::vector<int> others;
  for (int peer = 0; peer < size(); ++peer)
    if (peer != rank()) others.push_back(peer);
  progress(WorkState::kWaitingForRanks, others);
  agree(request, sequence, deadline);
  progress(WorkState::kMovingData, {});
  try {
    if (request.onDevice)
      moveOnDevice(request, deadline);
    else
      move(request, deadline);
  } catch (const CommError& error) {
    // NCCL's words say nothing of what was asked of it.
    if (error.kind == FailureKind::kAborted) throw;
    throw CommError(
        error.kind,
        describe(request.operation, request.dtype, request.wire, request.reduction, request.root, request.elements) +
            ": " + error.what(),
        error.ranks);
  }
}

/// Every rank tells every other one what it is about to do; none goes on unless all of it fits.
void NcclEngine::agree(const Request& request, uint64_t sequence, Deadline deadline) {
  Poll poll = pollUntil(deadline);
  checkHeaders(session_->headers.run(request, sequence, poll));
}

void NcclEngine::move(const Request& request, Deadline deadline) {
  Session& session = *session_;
  Poll poll = pollUntil(deadline);
  const Extent extent = extentOf(request, rank(), size());
  const Passage passage = passageOf(request, size());
  const size_t bytes = sizeOf(passage.wire);
  const size_t inBytes = aligned((extent.inPlace ? std::max(extent.in, extent.out) : extent.in) * bytes);
  const CudaPointer in = session.memory.reserve(inBytes + (extent.inPlace ? 0 : extent.out * bytes));
  const CudaPointer out = extent.inPlace ? in : in + inBytes;

  session.staging.toDevice(passage, request.input, extent.in, in, poll);
  enqueue(session.group, request, passage.wire, in, out, poll);
  session.staging.toHost(passage, out, request.output, extent.out, poll);
  if (session.memory.size() > kKeepMemory) session.memory.release();
}

void NcclEngine::moveOnDevice(const Request& request, Deadline deadline) {
  Session& session = *session_;
  Poll poll = pollUntil(deadline);
  const Passage passage = passageOf(request, size());
  if (!isPlain(passage))
    throw CommError(FailureKind::kEngine, "expected values that travel as they are from a device, got others");
  const Extent extent = extentOf(request, rank(), size());
  const size_t bytes = sizeOf(passage.wire);
  const auto out = reinterpret_cast<CudaPointer>(request.output);
  // A broadcast's receivers have no input.
  const auto in = request.input ? reinterpret_cast<CudaPointer>(request.input) : out;
  cuda_.expectOnDevice(in, extent.in * bytes, "input");
  cuda_.expectOnDevice(out, extent.out * bytes, "output");
  enqueue(session.group, request, passage.wire, in, out, poll);
  Event end(cuda_);
  end.record(session.stream);
  poll.until([&] { return end.hasHappened(); });
}

void NcclEngine::leave(uint64_t sequence, Deadline deadline) noexcept {
  Request request;
  request.operation = Operation::kClose;
  try {
    agree(request, sequence, deadline);
    left_ = true;
  } catch (...) {
    // A rank that is gone, or does not close in time, is of no concern any more.
  }
}

void NcclEngine::disconnect() noexcept {
  if (!session_) return;
  try {
    Poll poll = pollUntil(Clock::now() + kFinalize);
    if (left_) session_->comm.finalize(poll);
  } catch (...) {
    // Then without the others.
  }
  session_->comm.abort();
  // A device that does not come to rest keeps its memory: the driver would wait for it in every call that frees.
  if (!session_->rest()) (void)session_.release();
  session_.reset();
}

}  // namespace scmoe::comm
