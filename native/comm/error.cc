#include "comm/error.h"

namespace scmoe::comm {

const char* codeOf(FailureKind kind) {
  switch (kind) {
    case FailureKind::kTimeout: return "SCMOE_COMM_TIMEOUT";
    case FailureKind::kDead: return "SCMOE_COMM_DEAD";
    case FailureKind::kMismatch: return "SCMOE_COMM_MISMATCH";
    case FailureKind::kLeft: return "SCMOE_COMM_LEFT";
    case FailureKind::kConnection: return "SCMOE_COMM_CONNECTION";
    case FailureKind::kEngine: return "SCMOE_COMM_ENGINE";
    case FailureKind::kAborted: return "SCMOE_COMM_ABORTED";
    case FailureKind::kClosed: return "SCMOE_COMM_CLOSED";
  }
  return "SCMOE_COMM";
}

std::optional<FailureKind> kindOf(const std::string& code) {
  for (const FailureKind kind :
       {FailureKind::kTimeout, FailureKind::kDead, FailureKind::kMismatch, FailureKind::kLeft, FailureKind::kConnection,
        FailureKind::kEngine, FailureKind::kAborted, FailureKind::kClosed})
    if (code == codeOf(kind)) return kind;
  return std::nullopt;
}

std::string namesOf(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (size_t i = 0; i < ranks.size(); ++i) {
    if (i > 0) text += i + 1 == ranks.size() ? " and " : ", ";
    text += std::to_string(ranks[i]);
  }
  return text;
}

}  // namespace scmoe::comm
