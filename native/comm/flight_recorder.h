#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "comm/request.h"

namespace scmoe::comm {

enum class WorkState : uint8_t { kQueued, kWaitingForRanks, kMovingData, kDone, kFailed };

const char* nameOf(WorkState state);

/// The last collectives of a communicator: what was asked for, how far it came and when. Written into a file when the
/// communicator fails, so that the records of all ranks side by side tell who was missing.
class FlightRecorder {
 public:
  explicit FlightRecorder(size_t capacity);

  void issued(uint64_t sequence, const Request& request);
  /// `missing`: the ranks that are waited for in this state.
  void moved(uint64_t sequence, WorkState state, const std::vector<int>& missing = {});

  /// JSON: { version, group, rank, size, reason, entries: [...] }, oldest entry first; times in milliseconds since
  /// 1970.
  std::string json(const std::string& group, int rank, int size, const std::string& reason) const;

 private:
  struct Entry {
    uint64_t sequence = 0;
    Operation operation = Operation::kBarrier;
    DType dtype = DType::kFloat32;
    std::string call;
    uint64_t bytes = 0;
    WorkState state = WorkState::kQueued;
    WorkState reached = WorkState::kQueued;  // before it was done or failed
    std::vector<int> missing;
    double issuedMs = 0, startedMs = 0, finishedMs = 0;
  };

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;  // a ring: sequence % capacity
  uint64_t count_ = 0;
};

/// Text as a JSON string, quotes included.
std::string jsonText(const std::string& text);

/// Writes `json` to <folder>/scmoe-<group>-rank<rank>.json, aside and renamed; makes the folder. Says nothing where
/// that does not work, for it runs while an error is on its way already.
void writeRecord(const std::string& folder, const std::string& group, int rank, const std::string& json) noexcept;

}  // namespace scmoe::comm
