#pragma once
#include <atomic>
#include <memory>

#include "comm/engine.h"
#include "comm/nccl/cuda_api.h"
#include "comm/nccl/nccl_api.h"
#include "comm/nccl/poll.h"

namespace scmoe::comm {

struct NcclEngineOptions {
  int rank = 0;
  int size = 1;
  int device = 0;  // ordinal among the devices that this process sees
};

/// Collectives over NCCL, on a stream of the engine's own. Tensors in host memory are staged through pinned memory, and
/// a collective has ended when its results are back. Those on the device are sent from where they are, and received
/// where they are wanted: their memory has to be ready when they are handed over, and has its results when the
/// collective ends. Whoever computes on another stream waits for that one before and for the collective after, on the
/// host.
class NcclEngine final : public Engine {
 public:
  NcclEngine(NcclApi nccl, CudaApi cuda, NcclEngineOptions options);
  ~NcclEngine() override;

  /// One rank makes the id, and all get it before connect(). @throws CommError
  NcclUniqueId createId() const;
  void setId(const NcclUniqueId& id) { id_ = id; }

  int rank() const override { return options_.rank; }
  int size() const override { return options_.size; }
  bool readsDevice() const override { return true; }
  void connect(Deadline deadline) override;
  void run(const Request& request, uint64_t sequence, Deadline deadline, const Progress& progress) override;
  void leave(uint64_t sequence, Deadline deadline) noexcept override;
  /// Only says so: the thread that works looks at it all the time, and is never inside a call that blocks.
  void abort() noexcept override { aborted_ = true; }
  void disconnect() noexcept override;

 private:
  struct Session;

  Poll pollUntil(Deadline deadline) const;
  void agree(const Request& request, uint64_t sequence, Deadline deadline);
  void move(const Request& request, Deadline deadline);
  void moveOnDevice(const Request& request, Deadline deadline);

  const NcclApi nccl_;
  const CudaApi cuda_;
  const NcclEngineOptions options_;
  NcclUniqueId id_{};
  std::atomic<bool> aborted_{false};
  std::unique_ptr<Session> session_;  // from connect to disconnect; the communicator's thread alone touches it
  bool left_ = false;
};

}  // namespace scmoe::comm
