#include "comm/abort_notice.h"

#include "test/check.h"

using namespace scmoe::comm;

TEST(every_kind_has_a_code_of_its_own) {
  for (int i = 0; i <= static_cast<int>(FailureKind::kClosed); ++i) {
    const auto kind = static_cast<FailureKind>(i);
    CHECK(kindOf(codeOf(kind)) == kind);
  }
  CHECK(!kindOf("SCMOE_COMM").has_value());
}

TEST(what_ranks_disagree_on_is_the_same_for_who_is_told_of_it) {
  for (const FailureKind kind : {FailureKind::kMismatch, FailureKind::kLeft}) {
    const CommError told = readAbort(2, packAbort(CommError(kind, "rank 0 called this", {0, 13})));
    CHECK(told.kind == kind);
    CHECK((told.ranks == std::vector<int>{0, 13}));
    CHECK(told.what() == std::string("rank 2 gave up: rank 0 called this"));
  }
}

TEST(any_other_reason_is_that_of_the_rank_that_gave_up) {
  const CommError told = readAbort(2, packAbort(CommError(FailureKind::kTimeout, "rank 1 did not come", {1})));
  CHECK(told.kind == FailureKind::kAborted);
  CHECK((told.ranks == std::vector<int>{2}));
  CHECK(told.what() == std::string("rank 2 gave up: rank 1 did not come"));
  CHECK(readAbort(2, packAbort(CommError(FailureKind::kAborted, "enough"))).what() ==
        std::string("rank 2 gave up: enough"));
}

TEST(words_without_a_code_stay_words) {
  for (const char* text : {"", "enough", "I had enough", "SCMOE_COMM_LEFT", "SCMOE_COMM_LEFT 0"}) {
    const CommError told = readAbort(1, text);
    CHECK(told.kind == FailureKind::kAborted);
    CHECK(told.what() == std::string("rank 1 gave up: ") + text);
  }
}
