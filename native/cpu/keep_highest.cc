#include "cpu/keep_highest.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "core/arena.h"

namespace scmoe {

namespace {

/// Bits of a key that are looked at first, next and last.
struct Digit {
  int shift, width;
};
constexpr Digit kDigits[] = {{19, 13}, {6, 13}, {0, 6}};
constexpr int64_t kMostPlaces = 1 << 13;

/// Bits of a float32 as a number that grows with it; -0 is 0, which adding 0 makes of it.
inline uint32_t inOrder(float key) {
  int32_t bits;
  const float sum = key + 0.0f;
  std::memcpy(&bits, &sum, 4);
  return static_cast<uint32_t>(bits ^ (bits >> 31 | INT32_MIN));
}

/// Keys above `key` are taken, and of those that equal it the first `ties`.
struct Cut {
  uint32_t key = 0;
  int64_t ties = 0;
};

/// Of `count` keys in order and their amounts, which it overwrites; amounts null: 1 each.
Cut findCut(uint32_t* keys, double* amounts, int64_t count, double goal) {
  Arena::Scope scope;
  auto* const counts = scope.take<int32_t>(kMostPlaces);
  auto* const sums = scope.take<double>(kMostPlaces);
  Cut result;
  for (const Digit digit : kDigits) {
    const uint32_t mask = (1u << digit.width) - 1;
    const auto placeOf = [&](uint32_t key) { return key >> digit.shift & mask; };
    std::fill(counts, counts + mask + 1, 0);
    std::fill(sums, sums + mask + 1, 0.0);
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t place = placeOf(keys[i]);
      ++counts[place];
      if (amounts) sums[place] += amounts[i];
    }
    uint32_t cut = mask;
    double reached = 0;
    for (; cut > 0; --cut) {
      const double here = amounts ? sums[cut] : counts[cut];
      if (reached + here >= goal && counts[cut] > 0) break;
      reached += here;
    }
    goal -= reached;
    result.key |= cut << digit.shift;
    // Only those at the cut are looked at again.
    int64_t atCut = 0;
    for (int64_t i = 0; i < count; ++i) {
      const bool isAtCut = placeOf(keys[i]) == cut;
      keys[atCut] = keys[i];
      if (amounts) amounts[atCut] = amounts[i];
      atCut += isAtCut;
    }
    count = atCut;
  }
  for (double reached = 0; result.ties < count && (result.ties == 0 || reached < goal); ++result.ties)
    reached += amounts ? amounts[result.ties] : 1.0;
  return result;
}

}  // namespace

int64_t keepHighest(const float* keys, const double* amounts, const int32_t* ids, int64_t count, double goal,
                    int32_t* kept) {
  Arena::Scope scope;
  auto* const ordered = scope.take<uint32_t>(count);
  auto* const overwritten = scope.take<uint32_t>(count);
  auto* const own = amounts ? scope.take<double>(count) : nullptr;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) ordered[i] = overwritten[i] = inOrder(keys[ids[i]]);
  if (amounts)
    for (int64_t i = 0; i < count; ++i) own[i] = amounts[ids[i]];
  Cut cut = findCut(overwritten, own, count, goal);
  int64_t numKept = 0;
  for (int64_t i = 0; i < count; ++i) {
    const bool isTie = (ordered[i] == cut.key) & (cut.ties > 0);
    cut.ties -= isTie;
    kept[numKept] = ids[i];
    numKept += (ordered[i] > cut.key) | isTie;
  }
  return numKept;
}

int64_t keepHighestOfAll(const float* scores, int64_t count, int64_t wanted, int32_t* kept) {
  Arena::Scope scope;
  auto* const candidates = scope.take<int32_t>(count);
  // Groups for each score that is wanted: with more of them, fewer scores pass that are not.
  constexpr int64_t kGroupsEach = 8, kSmallest = 4;
  const int64_t groups = wanted < count / (kGroupsEach * kSmallest) ? kGroupsEach * wanted : 0;
  if (groups == 0) {
    std::iota(candidates, candidates + count, 0);
    return keepHighest(scores, nullptr, candidates, count, static_cast<double>(wanted), kept);
  }
  // The highest of each group: `wanted` groups have a score that is at least the wanted-th of these, so no lower one is
  // needed. Group g has the scores g, g + groups, ..., so that groups lie side by side.
  auto* const highest = scope.take<float>(groups);
  std::copy(scores, scores + groups, highest);
  for (int64_t first = groups; first + groups <= count; first += groups) {
#pragma omp simd
    for (int64_t g = 0; g < groups; ++g) {
      const float score = scores[first + g];
      highest[g] = score > highest[g] ? score : highest[g];
    }
  }
  std::nth_element(highest, highest + wanted - 1, highest + groups, std::greater<float>());
  const float bound = highest[wanted - 1];
  int64_t passing = 0;
  for (int64_t id = 0; id < count; ++id) {
    candidates[passing] = static_cast<int32_t>(id);
    passing += scores[id] >= bound;
  }
  return keepHighest(scores, nullptr, candidates, passing, static_cast<double>(wanted), kept);
}

}  // namespace scmoe
