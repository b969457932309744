#include "comm/nccl/nccl_comm.h"

#include <climits>

#include "comm/error.h"

namespace scmoe::comm {

void NcclComm::init(const NcclUniqueId& id, int rank, int size, Poll& poll) {
  NcclConfig config{};
  config.blocking = 0;
  // INT_MIN stands for "not set".
  config.cgaClusterSize = config.minCTAs = config.maxCTAs = INT_MIN;
  config.netName = nullptr;
  const NcclResult result = api_.commInitRankConfig(&comm_, size, id, rank, &config);
  finish(result, "ncclCommInitRankConfig", poll);
}

void NcclComm::finish(NcclResult result, const std::string& call, Poll& poll) {
  if (!isGood(result)) fail(result, call);
  if (result == kNcclInProgress) poll.until([&] { return !inProgress(call); });
}

void NcclComm::group(const std::string& call, Poll& poll, const std::function<NcclResult()>& body) {
  finish(api_.groupStart(), "ncclGroupStart", poll);
  const NcclResult inside = body();
  // A group that was begun has to be ended, or the thread's next call would belong to it.
  const NcclResult end = api_.groupEnd();
  finish(isGood(inside) ? end : inside, call, poll);
}

bool NcclComm::inProgress(const std::string& call) const {
  NcclResult state = kNcclSuccess;
  const NcclResult result = api_.commGetAsyncError(comm_, &state);
  if (result != kNcclSuccess) fail(result, "ncclCommGetAsyncError");
  if (!isGood(state)) fail(state, call);
  return state == kNcclInProgress;
}

void NcclComm::checkAsync() const {
  if (comm_) inProgress("NCCL, at work");
}

void NcclComm::fail(NcclResult result, const std::string& call) const {
  // A network that fails is often a rank that has died: then the notice of its death says more than this.
  const bool elsewhere = result == kNcclRemoteError || result == kNcclSystemError;
  throw CommError(elsewhere ? FailureKind::kConnection : FailureKind::kEngine, call + ": " + api_.textOf(result));
}

void NcclComm::finalize(Poll& poll) {
  if (!comm_) return;
  finish(api_.commFinalize(comm_), "ncclCommFinalize", poll);
  const NcclCommunicator comm = comm_;
  comm_ = nullptr;
  api_.commDestroy(comm);
}

void NcclComm::abort() noexcept {
  if (comm_) api_.commAbort(comm_);
  comm_ = nullptr;
}

}  // namespace scmoe::comm
