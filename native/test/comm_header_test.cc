#include "comm/header.h"

#include "comm/error.h"
#include "test/check.h"

using namespace scmoe::comm;

namespace {

Request requestOf(Operation operation, size_t elements = 4) {
  Request request;
  request.operation = operation;
  request.elements = elements;
  return request;
}

/// The message of the disagreement between ranks with these requests, all of collective 7; empty where they agree.
std::string disagreement(const std::vector<Request>& requests, const std::vector<uint64_t>& sequences = {},
                         FailureKind kind = FailureKind::kMismatch) {
  const int size = static_cast<int>(requests.size());
  std::vector<std::vector<char>> headers;
  for (int rank = 0; rank < size; ++rank)
    headers.push_back(packHeader(requests[rank], sequences.empty() ? 7 : sequences[rank], rank, size));
  try {
    checkHeaders(headers);
    return "";
  } catch (const CommError& error) {
    CHECK(error.kind == kind);
    return error.what();
  }
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(ranks_that_mean_the_same_agree) {
  for (Operation operation : {Operation::kAllReduce, Operation::kBarrier, Operation::kBroadcast, Operation::kAllToAll})
    CHECK(disagreement({requestOf(operation), requestOf(operation), requestOf(operation)}).empty());
}

TEST(both_sides_are_in_the_message) {
  Request other = requestOf(Operation::kBroadcast, 10);
  other.root = 1;
  other.dtype = other.wire = DType::kInt32;
  const std::string text = disagreement({requestOf(Operation::kAllReduce), requestOf(Operation::kAllReduce), other});
  CHECK(contains(text, "collective 7"));
  CHECK(contains(text, "rank 0 called allReduce(sum, float32, 4 elements)"));
  CHECK(contains(text, "rank 2 called broadcast(root 1, int32, 10 elements)"));
}

TEST(a_rank_that_has_left_is_the_one_to_ask) {
  const Request sum = requestOf(Operation::kAllReduce), close = requestOf(Operation::kClose, 0);
  const std::string words = " called allReduce(sum, float32, 4 elements) (collective 7): its own last words say why";
  CHECK(disagreement({close, sum}, {}, FailureKind::kLeft) == "rank 0 has left by close() while rank 1" + words);
  CHECK(disagreement({sum, sum, close}, {}, FailureKind::kLeft) == "rank 2 has left by close() while rank 0" + words);
}

TEST(every_field_counts) {
  const Request base = requestOf(Operation::kAllReduce);
  Request changed = base;
  changed.dtype = DType::kBf16;
  CHECK(!disagreement({base, changed}).empty());
  changed = base;
  changed.wire = DType::kBf16;
  CHECK(!disagreement({base, changed}).empty());
  changed = base;
  changed.reduction = Reduction::kMax;
  CHECK(!disagreement({base, changed}).empty());
  changed = base;
  changed.elements = 5;
  CHECK(!disagreement({base, changed}).empty());
  CHECK(!disagreement({base, base}, {7, 8}).empty());
}

TEST(uneven_shares_need_only_fit_pairwise) {
  Request a = requestOf(Operation::kAllToAllV, 5);
  a.sendCounts = {2, 3};
  a.recvCounts = {2, 1};
  Request b = requestOf(Operation::kAllToAllV, 8);
  b.sendCounts = {1, 7};
  b.recvCounts = {3, 7};
  CHECK(disagreement({a, b}).empty());
  b.recvCounts = {4, 7};
  CHECK(contains(disagreement({a, b}), "rank 0 sends 3 elements to rank 1, which expects 4"));
}

TEST(a_third_rank_sees_what_two_others_disagree_on) {
  Request none = requestOf(Operation::kAllToAllV, 0);
  none.sendCounts = none.recvCounts = {0, 0, 0};
  Request sender = none;
  sender.sendCounts = {0, 0, 5};
  CHECK(contains(disagreement({none, sender, none}), "rank 1 sends 5 elements to rank 2, which expects 0"));
}

TEST(gathered_shares_may_differ) {
  Request a = requestOf(Operation::kAllGatherV, 2);
  a.recvCounts = {2, 6};
  Request b = requestOf(Operation::kAllGatherV, 6);
  b.recvCounts = {2, 6};
  CHECK(disagreement({a, b}).empty());
  a.recvCounts = {2, 5};
  CHECK(contains(disagreement({a, b}), "rank 1 sends 6 elements to rank 0, which expects 5"));
}

TEST(another_version_is_named) {
  std::vector<std::vector<char>> headers;
  for (int rank = 0; rank < 2; ++rank) headers.push_back(packHeader(requestOf(Operation::kBarrier), 1, rank, 2));
  headers[1][0] ^= 1;
  try {
    checkHeaders(headers);
    CHECK(false);
  } catch (const CommError& error) {
    CHECK(contains(error.what(), "rank 1 speaks another version"));
    CHECK(error.ranks == std::vector<int>{1});
  }
}
