#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace scmoe::comm {

/// Why a communicator can't go on. The names travel to JavaScript as `code`.
enum class FailureKind {
  kTimeout,     // a rank did not take part in time
  kDead,        // a rank's process has ended
  kMismatch,    // ranks disagree on what they are doing
  kLeft,        // a rank has closed while others went on
  kConnection,  // a connection broke, the reason is not known
  kEngine,      // the engine's library, or the device, reports a failure
  kAborted,     // another rank, or the program itself, gave up
  kClosed,      // used after close, or after an earlier failure
};

const char* codeOf(FailureKind kind);

/// The kind with this code; none where it is not one.
std::optional<FailureKind> kindOf(const std::string& code);

/// `ranks`: those to blame, as far as they are known; numbered within the communicator.
struct CommError : Error {
  CommError(FailureKind kind, const std::string& text, std::vector<int> ranks = {})
      : Error(text), kind(kind), ranks(std::move(ranks)) {}
  FailureKind kind;
  std::vector<int> ranks;
};

/// `rank 3`, or `ranks 1, 2 and 5`.
std::string namesOf(const std::vector<int>& ranks);

}  // namespace scmoe::comm
