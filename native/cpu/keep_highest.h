#pragma once
#include <cstdint>

namespace scmoe {

/// Those of `ids` (ascending, `count` of them) with the highest keys, in ascending order, into `kept`, which
/// may be `ids`; returns how many: as few as have amounts of at least `goal` together, at least one, all where they
/// have less. Of equal keys the first are taken. Nothing is sorted: the cut is found digit by digit, with the sums of
/// keepHighest.ts in the same order.
///
/// @param keys of every id, no NaN among them
/// @param amounts of every id, >= 0; null: 1 each
int64_t keepHighest(const float* keys, const double* amounts, const int32_t* ids, int64_t count, double goal,
                    int32_t* kept);

/// The ids of the `wanted` highest of `count` scores, of equal ones the first, in ascending order, into `kept`; returns
/// how many there are.
int64_t keepHighestOfAll(const float* scores, int64_t count, int64_t wanted, int32_t* kept);

}  // namespace scmoe
