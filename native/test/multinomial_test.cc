#include "cpu/multinomial.h"

#include <cmath>
#include <limits>
#include <vector>

#include "test/check.h"

using namespace scmoe;

namespace {

std::vector<int32_t> draw(const std::vector<float>& x, int64_t columns, int64_t samples, bool areProbabilities,
                          const char* seed = "7") {
  const auto rows = static_cast<int64_t>(x.size()) / columns;
  std::vector<int32_t> out(rows * samples);
  multinomial({rows, columns, samples}, areProbabilities, seed, x.data(), out.data());
  return out;
}

}  // namespace

TEST(draws_what_seedrandom_draws) {
  // seedrandom 3.0.5: alea('7') begins with 0.3646, 0.0079, 0.1876, 0.5067, 0.1656, 0.1200, 0.3216; a uniform
  // distribution over ten events shows their first digits.
  const std::vector<float> even(10, 0.1f);
  CHECK(draw(even, 10, 7, true) == (std::vector<int32_t>{3, 0, 1, 5, 1, 1, 3}));
}

TEST(draws_the_same_for_each_row_of_one_distribution) {
  const auto out = draw({0, 1, 2, 0, 1, 2}, 3, 50, false);
  for (int i = 0; i < 50; ++i) CHECK(out[i] == out[50 + i]);
}

TEST(takes_the_last_event_where_there_is_no_number) {
  for (const int32_t event : draw({NAN, 0, 0}, 3, 20, false)) CHECK(event == 2);
  for (const int32_t event : draw({5}, 1, 20, false)) CHECK(event == 0);
  CHECK(draw({0, 1}, 2, 0, false).empty());
}
