#pragma once

namespace scmoe {

/// Whether `a` comes before `b` in descending order: a NaN before everything, as in PyTorch, so that what is wrong
/// stays to be seen. Equal values, and two NaN, have no order. A strict weak ordering, which `a > b` is not.
template <typename T>
bool ranksBefore(T a, T b) {
  return a > b || (a != a && b == b);
}

}  // namespace scmoe
