#include "comm/abort_notice.h"

#include <cstdlib>
#include <utility>

namespace scmoe::comm {

namespace {

/// Ranks of `0,2`; none of anything else.
std::vector<int> ranksOf(const std::string& text) {
  std::vector<int> ranks;
  const char* at = text.c_str();
  while (*at >= '0' && *at <= '9') {
    char* rest = nullptr;
    ranks.push_back(static_cast<int>(std::strtol(at, &rest, 10)));
    at = *rest == ',' ? rest + 1 : rest;
  }
  return ranks;
}

bool isSharedByAll(FailureKind kind) { return kind == FailureKind::kMismatch || kind == FailureKind::kLeft; }

}  // namespace

std::string packAbort(const CommError& error) {
  std::string ranks;
  for (const int rank : error.ranks) ranks += (ranks.empty() ? "" : ",") + std::to_string(rank);
  return std::string(codeOf(error.kind)) + " " + (ranks.empty() ? "-" : ranks) + " " + error.what();
}

CommError readAbort(int from, const std::string& notice) {
  const std::string gaveUp = "rank " + std::to_string(from) + " gave up: ";
  const size_t first = notice.find(' ');
  const size_t second = first == std::string::npos ? first : notice.find(' ', first + 1);
  const auto kind = second == std::string::npos ? std::nullopt : kindOf(notice.substr(0, first));
  if (!kind) return CommError(FailureKind::kAborted, gaveUp + notice, {from});
  const std::string text = gaveUp + notice.substr(second + 1);
  if (!isSharedByAll(*kind)) return CommError(FailureKind::kAborted, text, {from});
  return CommError(*kind, text, ranksOf(notice.substr(first + 1, second - first - 1)));
}

}  // namespace scmoe::comm
