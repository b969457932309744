#pragma once
#include <functional>
#include <string>

#include "comm/nccl/nccl_api.h"
#include "comm/nccl/poll.h"

namespace scmoe::comm {

/// A non-blocking NCCL communicator: no call waits inside the library. What is still in progress when a call returns is
/// polled for, with the deadline and the abort of everything else.
class NcclComm {
 public:
  explicit NcclComm(const NcclApi& api) : api_(api) {}
  ~NcclComm() { abort(); }
  NcclComm(const NcclComm&) = delete;

  NcclCommunicator get() const { return comm_; }

  /// Meets all ranks that were given the same id. @throws CommError
  void init(const NcclUniqueId& id, int rank, int size, Poll& poll);

  /// Checks what a call has returned; on return, what it asked for is on the stream. @throws CommError with the name of
  /// the call and the library's own words
  void finish(NcclResult result, const std::string& call, Poll& poll);

  /// The calls of `body` as one operation. `body` stops at the first failure and returns it.
  void group(const std::string& call, Poll& poll, const std::function<NcclResult()>& body);

  /// @throws CommError where the library has noticed a failure since
  void checkAsync() const;

  /// The end in peace: all ranks call it, nothing is in progress.
  void finalize(Poll& poll);
  /// The end otherwise; ends what is in progress on this rank's device.
  void abort() noexcept;

 private:
  bool inProgress(const std::string& call) const;
  [[noreturn]] void fail(NcclResult result, const std::string& call) const;

  const NcclApi& api_;
  NcclCommunicator comm_ = nullptr;
};

}  // namespace scmoe::comm
