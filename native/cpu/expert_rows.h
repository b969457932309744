#pragma once
#include <cstdint>
#include <string>

#include "core/error.h"

namespace scmoe {

/// The packed buffer of N experts: expert e reads counts[e] rows from e * capacity on, or from the sum of the earlier
/// counts where capacity is 0.
struct ExpertRows {
  int64_t numExperts, rows, d, f, capacity;
  const int32_t* counts;
};

/// Calls body(expert, firstRow, count) for each expert in order, and gap(firstRow, count) for the rows of none.
template <typename Body, typename Gap>
void forEachExpert(const ExpertRows& group, const Body& body, const Gap& gap) {
  int64_t start = 0;
  for (int64_t e = 0; e < group.numExperts; ++e) {
    const int64_t count = group.counts[e];
    const int64_t room = group.capacity > 0 ? group.capacity : group.rows - start;
    if (count < 0 || count > room || start + count > group.rows)
      throw ArgumentError("groupedFfn: counts[" + std::to_string(e) + "]: expected 0 to " + std::to_string(room) +
                          ", got " + std::to_string(count));
    body(e, start, count);
    if (group.capacity > 0) {
      if (count < group.capacity) gap(start + count, group.capacity - count);
      start += group.capacity;
    } else {
      start += count;
    }
  }
  if (start < group.rows) gap(start, group.rows - start);
}

}  // namespace scmoe
