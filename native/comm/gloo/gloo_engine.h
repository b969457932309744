#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/engine.h"
#include "comm/gloo/mesh.h"

namespace scmoe::comm {

/// Collectives over a GlooMesh. All of them are exchanges: each rank sends straight to each, receives first, so that
/// both directions of a link are busy; reductions add up in the order of the ranks. Why not Gloo's own:
/// docs/decisions.md#own-collectives.
class GlooEngine final : public Engine {
 public:
  explicit GlooEngine(std::unique_ptr<GlooMesh> mesh) : mesh_(std::move(mesh)) {}

  GlooMesh& mesh() { return *mesh_; }
  /// address() of every rank's mesh; before connect().
  void setAddresses(std::vector<std::vector<uint8_t>> everybody) { everybody_ = std::move(everybody); }

  int rank() const override { return mesh_->rank(); }
  int size() const override { return mesh_->size(); }
  void connect(Deadline deadline) override;
  void run(const Request& request, uint64_t sequence, Deadline deadline, const Progress& progress) override;
  void leave(uint64_t sequence, Deadline deadline) noexcept override;
  void abort() noexcept override { mesh_->abort(); }
  void disconnect() noexcept override { mesh_->disconnect(); }

 private:
  void agree(const Request& request, uint64_t sequence, Deadline deadline);
  void allToAllV(const Request& request);
  void allGatherV(const Request& request);
  void allReduce(const Request& request);
  void reduceScatter(const Request& request);
  void broadcast(const Request& request);
  void exchange(const std::vector<Message>& receives, const std::vector<Message>& sends,
                const std::function<void()>& meanwhile = {});
  void gather(void* target, const std::vector<size_t>& offsets);
  const std::vector<const void*>& collect(const char* input, const std::vector<size_t>& offsets);

  const std::unique_ptr<GlooMesh> mesh_;
  std::vector<std::vector<uint8_t>> everybody_;
  // Of the collective that runs.
  uint64_t sequence_ = 0;
  uint64_t step_ = 0;
  Deadline deadline_;
  std::vector<char> scratch_;
  std::vector<const void*> sources_;
};

}  // namespace scmoe::comm
